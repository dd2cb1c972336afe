package tree_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/promises"
	"github.com/scan2food/usher/handler/static/versions"
)

// sharedStorage is a storage in memory. It counts what is read of content.
type sharedStorage struct {
	sync.Map
	contents sync.Map // key to true: it was read
	away     chan struct{}
}

var errAway = errors.New("storage is away")

func (s *sharedStorage) isAway() bool {
	select {
	case <-s.away:
		return true
	default:
		return false
	}
}

func (s *sharedStorage) Load(_ context.Context, key string) ([]byte, error) {
	value, found := s.Map.Load(key)
	switch {
	case s.isAway():
		return nil, errAway
	case !found:
		return nil, fs.ErrNotExist
	}
	if strings.Contains(key, "/blobs/") {
		if _, again := s.contents.LoadOrStore(key, true); again {
			return nil, fmt.Errorf("%s is read twice", key)
		}
	}
	return value.([]byte), nil
}

func (s *sharedStorage) Store(_ context.Context, key string, value []byte) error {
	if s.isAway() {
		return errAway
	}
	s.Map.Store(key, value)
	return nil
}

func (s *sharedStorage) Delete(_ context.Context, key string) error {
	s.Map.Delete(key)
	return nil
}

func (s *sharedStorage) List(_ context.Context, directory string) ([]string, error) {
	if s.isAway() {
		return nil, errAway
	}
	var names []string
	s.Range(func(key, _ any) bool {
		if name, below := strings.CutPrefix(key.(string), directory+"/"); below && !strings.Contains(name, "/") {
			names = append(names, name)
		}
		return true
	})
	return names, nil
}

// machine is a tree and its handler on one of several machines.
type machine struct {
	*tree.StillTree
	handler *assets.Handler
}

func newMachine(t *testing.T, storage versions.Storage, files map[string]string) *machine {
	t.Helper()
	m := new(machine)
	now := func() time.Time { return m.Now }
	remembered := promises.New(filepath.Join(t.TempDir(), "promises"), time.Now)
	m.StillTree = tree.NewStillTree(t, files, func(c *tree.Config) {
		c.Promises, c.Prefix, c.Immutable = remembered, "/static/", tree.Patterns{"/static/vendor/*"}
		c.Archive = archive.New(archive.Config{Directory: t.TempDir(), Now: time.Now})
		c.Shared = versions.New(versions.Config{Storage: storage, Directory: "assets/site", Keep: 72 * time.Hour, Size: 1 << 30, Now: time.Now})
		c.Now = now
	})
	m.handler = &assets.Handler{
		Sites: []assets.Site{{Prefix: "/static/", Tree: m.Tree, Promises: remembered}}, VersionQuery: []string{"v"},
	}
	m.publish()
	return m
}

// publish reads the tree, and waits until its files are shared.
func (m *machine) publish() {
	m.Read()
	m.Background().Wait()
}

func (m *machine) deploy(files map[string]string) {
	for name, content := range files {
		m.Write(name, content)
	}
	m.Now = m.Now.Add(time.Minute)
	m.publish()
}

// stamped is the URL of a file as pages of the machine name it.
func (m *machine) stamped(name string) string {
	return "/static/" + name + "?v=" + m.Published().Lookup(name).StampedVersion()
}

// get returns the body and Cache-Control, or the status of an error.
func (m *machine) get(url string) (body, cacheControl string) {
	m.T.Helper()
	response := ask(m.T, m.handler, "GET", url)
	if response.StatusCode != http.StatusOK {
		return response.Status, response.Header.Get("Cache-Control")
	}
	return bodyOf(m.T, response), response.Header.Get("Cache-Control")
}

func (m *machine) wants(url, body, cacheControl string) {
	m.T.Helper()
	if gotBody, got := m.get(url); gotBody != body || got != cacheControl {
		m.T.Errorf("%s: %q with %q, want %q with %q", url, gotBody, got, body, cacheControl)
	}
}

// hashed is the name of a file that holds its hash, as Django makes it.
func hashed(stem, content, extension string) string {
	return stem + "." + tree.MD5Of(content)[:12] + extension
}

// In a rolling deploy each machine answers the versions of the other, older and newer.
func TestMachinesAnswerEachOthersVersions(t *testing.T) {
	t.Parallel()
	storage := &sharedStorage{}
	first, second := "chunk 1", "chunk 2"
	files := map[string]string{"main.js": "main 1", hashed("chunk", first, ".js"): first}
	a, b := newMachine(t, storage, files), newMachine(t, storage, files)
	oldURL, oldChunk := a.stamped("main.js"), "/static/"+hashed("chunk", first, ".js")
	a.Remove(hashed("chunk", first, ".js"))
	a.deploy(map[string]string{"main.js": "main 2", hashed("chunk", second, ".js"): second})
	newURL, newChunk := a.stamped("main.js"), "/static/"+hashed("chunk", second, ".js")
	c := newMachine(t, storage, map[string]string{"main.js": "main 2", hashed("chunk", second, ".js"): second}) // it never had the first release
	for _, m := range []*machine{a, b, c} {
		for range 2 { // the second time from its own archive: the storage is not read twice for one machine
			m.wants(oldURL, "main 1", cacheForever)
			m.wants(newURL, "main 2", cacheForever)
			m.wants(oldChunk, first, cacheForever)
			m.wants(newChunk, second, cacheForever)
		}
		storage.contents.Clear()
	}
	b.wants("/static/main.js?v=0123456789ab", "main 1", "no-cache")
	b.wants("/static/"+hashed("chunk", "never deployed", ".js"), "404 Not Found", "no-store")
}

// A name whose evidence does not count yet is served, but is not immutable, until the machine that has the file has given it out.
func TestNameOfAnotherMachineIsImmutableWhenThatGivesItOut(t *testing.T) {
	t.Parallel()
	const chunk = "assets/x-DdCDtH1A.js"
	storage := &sharedStorage{}
	b := newMachine(t, storage, map[string]string{"main.js": "main 1"})
	a := newMachine(t, storage, map[string]string{"main.js": "main 1"})
	a.Now = time.Now()
	a.Write(chunk, "chunk 1") // just now
	a.Write(".vite/manifest.json", `{"x.js":{"file":"`+chunk+`","src":"x.js"}}`)
	a.publish()
	a.wants("/static/"+chunk, "chunk 1", "no-cache")
	b.wants("/static/"+chunk, "chunk 1", "no-cache")
	a.Now = a.Now.Add(tree.DefaultVanished + time.Second)
	a.PromiseWaiting(context.Background())
	a.Background().Wait()
	a.wants("/static/"+chunk, "chunk 1", cacheForever)
	if err := b.Configuration().Shared.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	storage.contents.Clear()
	b.wants("/static/"+chunk, "chunk 1", cacheForever)
}

// A URL that one machine gave out as immutable is not immutable with other content on another.
func TestPromisesHoldOnAllMachines(t *testing.T) {
	t.Parallel()
	const url = "/static/vendor/jquery.js"
	storage := &sharedStorage{}
	a := newMachine(t, storage, map[string]string{"vendor/jquery.js": "one", "vendor/same.js": "same"})
	a.wants(url, "one", cacheForever)
	a.ExchangePromises()
	b := newMachine(t, storage, map[string]string{"vendor/jquery.js": "two", "vendor/same.js": "same"})
	b.wants(url, "two", "no-cache")
	b.wants("/static/vendor/same.js", "same", cacheForever)
	a.ExchangePromises() // it learns of the second content
	a.ReconsiderPromises()
	a.wants(url, "one", "no-cache")
	a.wants("/static/vendor/same.js", "same", cacheForever)
	if n := a.Logs.FilterMessage("immutable URLs have other content; now no-cache").Len() + b.Logs.FilterMessage("immutable URLs have other content; now no-cache").Len(); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}

// While the storage is away each machine serves its own versions, and says so once.
func TestStorageAwayLeavesLocalVersions(t *testing.T) {
	t.Parallel()
	storage := &sharedStorage{away: make(chan struct{})}
	a, b := newMachine(t, storage, map[string]string{"main.js": "main 1"}), newMachine(t, storage, map[string]string{"main.js": "main 1"})
	old := a.stamped("main.js")
	close(storage.away)
	a.deploy(map[string]string{"main.js": "main 2"})
	a.wants(a.stamped("main.js"), "main 2", cacheForever)
	a.wants(old, "main 1", cacheForever)
	b.wants(a.stamped("main.js"), "main 1", "no-cache")
	if n := a.Logs.FilterMessage("shared storage fails; serving local versions only").Len(); n != 1 {
		t.Errorf("logged %d times, want once", n)
	}
}

// A release that was published while the storage was away, and one that the storage has lost, are shared once the storage is back.
func TestReleaseIsSharedOnceTheStorageIsBack(t *testing.T) {
	t.Parallel()
	storage := &sharedStorage{away: make(chan struct{})}
	a, b := newMachine(t, storage, map[string]string{"main.js": "main 1"}), newMachine(t, storage, map[string]string{"main.js": "main 1"})
	shareAgain := func() {
		a.ShareAgain(t.Context())
		a.Background().Wait()
	}
	close(storage.away)
	a.deploy(map[string]string{"main.js": "main 2"})
	shareAgain()
	storage.away = make(chan struct{})
	shareAgain()
	b.wants(a.stamped("main.js"), "main 2", cacheForever)

	a.deploy(map[string]string{"main.js": "main 3"})
	storage.Clear()
	storage.contents.Clear()
	shareAgain()
	b.wants(a.stamped("main.js"), "main 3", cacheForever)
}

// slowOnce is a storage whose next Store takes four seconds of the machine's clock.
type slowOnce struct {
	sharedStorage
	machine *machine
	armed   atomic.Bool
}

func (s *slowOnce) Store(ctx context.Context, key string, value []byte) error {
	if s.armed.CompareAndSwap(true, false) {
		s.machine.Now = s.machine.Now.Add(4 * time.Second)
	}
	return s.sharedStorage.Store(ctx, key, value)
}

// The pause between readings grows with the work of a reading, not with the time that a storage took.
func TestSlowStorageDoesNotDelayTheNextPublish(t *testing.T) {
	t.Parallel()
	storage := new(slowOnce)
	m := newMachine(t, storage, map[string]string{"a.js": "one"})
	storage.machine = m
	storage.armed.Store(true)
	m.deploy(map[string]string{"a.js": "two"})
	if storage.armed.Load() {
		t.Fatal("nothing was stored")
	}
	if got, want := m.Tree.Pause(), m.Tree.Configuration().Settle; got != want {
		t.Errorf("the tree pauses for %s, want settle, %s", got, want)
	}
}
