package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time          { return noon.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(d time.Duration) { c.since.Add(int64(d)) }

// testStore is a store and its reports.
type testStore struct {
	*Store
	clock   *clock
	config  Config
	mutex   sync.Mutex
	reports []string
}

func newTestStore(t *testing.T, size int64) *testStore {
	t.Helper()
	s := &testStore{clock: new(clock)}
	s.config = Config{Directory: filepath.Join(t.TempDir(), "archive"), Keep: time.Hour, Size: size, Now: s.clock.now, Report: s.report}
	s.restart(t)
	return s
}

func (s *testStore) report(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.reports = append(s.reports, err.Error())
}

func (s *testStore) restart(t *testing.T) {
	t.Helper()
	s.Store = New(s.config)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
}

func (s *testStore) put(t *testing.T, name, version, content string) {
	t.Helper()
	if err := s.Put(name, version, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

// get returns the content of a name and a version, or "none".
func (s *testStore) get(t *testing.T, name, version string) string {
	t.Helper()
	size, found := s.Find(name, version)
	content, ok := s.Get(name, version)
	if ok != found || ok && content.Size != size {
		t.Errorf("Get(%s, %s) and Find differ", name, version)
	}
	if !ok {
		return "none"
	}
	defer func() { _ = content.Close() }()
	read, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	if content.Size != int64(len(read)) || content.SHA256 != sha256.Sum256(read) {
		t.Errorf("Get(%s, %s) returns another size or digest than that of %q", name, version, read)
	}
	return string(read)
}

// files returns the files on disk.
func (s *testStore) files(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.config.Directory, kind, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestStoreFinds(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	s.put(t, "/static/a.js", "1", "one")
	s.put(t, "/static/a.js", "2", "two")
	s.put(t, "/static/b.0123abcd.js", "", "by name")
	s.put(t, "/static/../../etc/passwd\x00", "/../..", "one")
	s.put(t, "/static/c.js", "1", "first")
	s.put(t, "/static/c.js", "1", "second")
	for _, when := range []string{"at once", "after a restart"} {
		for _, c := range []struct{ name, version, want, why string }{
			{"/static/a.js", "1", "one", "each version has its content"},
			{"/static/a.js", "2", "two", "each version has its content"},
			{"/static/a.js", "3", "none", "never put"},
			{"/static/a.js", "", "none", "the name alone was not put"},
			{"/static/b.0123abcd.js", "", "by name", "the name contains the version"},
			{"/static/../../etc/passwd\x00", "/../..", "one", "names are not paths on disk"},
			{"/static/c.js", "1", "second", "the last content"},
		} {
			if got := s.get(t, c.name, c.version); got != c.want {
				t.Errorf("Get(%s, %s) %s = %q, want %q (%s)", c.name, c.version, when, got, c.want, c.why)
			}
		}
		if entries, blobs := len(s.files(t, "entries")), len(s.files(t, "blobs")); entries != 5 || blobs != 4 {
			t.Errorf("%s there are %d entries and %d blobs, want 5 and 4: equal content is stored once", when, entries, blobs)
		}
		s.restart(t)
	}
	if len(s.reports) > 0 {
		t.Errorf("reported %q", s.reports)
	}
}

func TestStoreForgets(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	s.put(t, "a", "1", "one")
	s.clock.advance(40 * time.Minute)
	s.put(t, "b", "1", "one")
	if !s.Renew("b", "1") || s.Renew("b", "2") {
		t.Error("Renew does not find an entry")
	}
	s.clock.advance(20 * time.Minute)
	if got := s.get(t, "a", "1"); got != "none" || s.Renew("a", "1") {
		t.Errorf("after an hour there is %q", got)
	}
	s.Sweep()
	if entries, blobs := len(s.files(t, "entries")), len(s.files(t, "blobs")); entries != 1 || blobs != 1 {
		t.Errorf("there are %d entries and %d blobs, want 1 and 1: the content has a second name", entries, blobs)
	}
	if !s.Renew("b", "1") {
		t.Error("b is gone")
	}
	s.clock.advance(59 * time.Minute)
	s.restart(t)
	if got := s.get(t, "b", "1"); got != "one" {
		t.Errorf("the renewed entry is %q after a restart", got)
	}
	s.clock.advance(time.Minute)
	s.restart(t)
	if size, entries := s.Size(); size != 0 || entries != 0 || len(s.files(t, "*")) != 0 {
		t.Errorf("%d bytes and %d entries are left, on disk %q", size, entries, s.files(t, "*"))
	}
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	const fit = 5
	s := newTestStore(t, fit*2*block)
	for i := range 20 {
		s.clock.advance(time.Second)
		s.put(t, "a", fmt.Sprint(i), fmt.Sprintf("content %d", i))
		if i == 17 {
			s.clock.advance(time.Hour / 8)
			s.Renew("a", "13")
		}
		if size, entries := s.Size(); size > s.config.Size || entries > fit {
			t.Fatalf("%d entries take %d bytes, want no more than %d", entries, size, s.config.Size)
		}
	}
	for _, c := range []struct{ version, want, why string }{
		{"13", "content 13", "renewed"}, {"14", "none", "the oldest"}, {"16", "content 16", "there is room"}, {"19", "content 19", "the last"},
	} {
		if got := s.get(t, "a", c.version); got != c.want {
			t.Errorf("version %s is %q, want %q (%s)", c.version, got, c.want, c.why)
		}
	}
	if err := s.Put("large", "1", bytes.NewReader(make([]byte, s.config.Size))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Put of content that never fits: %v", err)
	}
	if got := s.get(t, "a", "19"); got != "content 19" {
		t.Error("content that never fits displaced entries")
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// Open removes what a crash left behind.
func TestOpenRemovesLeftovers(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	s.config.Keep = 2 * settled
	s.restart(t)
	s.put(t, "a", "1", "one")
	entry := s.files(t, "entries")[0]
	for name, content := range map[string]string{
		filepath.Join(s.entries, "1.part"): "{", filepath.Join(s.blobs, "1.part"): "on", filepath.Join(s.entries, "x"): "no JSON",
		filepath.Join(s.blobs, strings.Repeat("00", 32)): "of nothing", filepath.Join(s.entries, strings.Repeat("00", 32)): mustRead(t, entry),
	} {
		overwrite(t, name, content)
	}
	s.restart(t)
	if left := len(s.files(t, "*")); left != 5 {
		t.Errorf("%d files are left, want three that another process may be writing, and two complete ones", left)
	}
	s.clock.advance(settled)
	s.restart(t)
	if entries, blobs := s.files(t, "entries"), s.files(t, "blobs"); len(entries) != 1 || len(blobs) != 1 {
		t.Errorf("left: %q and %q", entries, blobs)
	}
	if got := s.get(t, "a", "1"); got != "one" {
		t.Errorf("what was whole is %q", got)
	}
	if len(s.reports) != 2 {
		t.Errorf("reported %q, want the two damaged entries", s.reports)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestStoreOfManyAtOnce(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 12*block)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 60 {
				version := fmt.Sprint((i + worker) % 10)
				want := "content " + version
				if err := s.Put("a", version, strings.NewReader(want)); err != nil {
					t.Error(err)
				}
				if content, ok := s.Get("a", version); ok {
					if got, _ := io.ReadAll(content); string(got) != want {
						t.Errorf("version %s is %q", version, got)
					}
					_ = content.Close()
				}
				s.Renew("a", version)
			}
		})
	}
	all.Wait()
	size, entries := s.Size()
	if size > s.config.Size || entries == 0 {
		t.Errorf("%d entries take %d bytes", entries, size)
	}
	s.restart(t)
	if sizeNow, entriesNow := s.Size(); sizeNow != size || entriesNow != entries || len(s.reports) > 0 {
		t.Errorf("after a restart %d entries take %d bytes, were %d and %d; reported %q", entriesNow, sizeNow, entries, size, s.reports)
	}
}

func TestMissesAllocateNothing(t *testing.T) {
	s := newTestStore(t, 1<<20)
	if allocations := testing.AllocsPerRun(100, func() { s.Get("/static/a.js", "1") }); allocations > 0 {
		t.Errorf("a miss makes %v allocations, want none", allocations)
	}
}

// The store opens with any files in its directory, and finds no entry that it cannot read.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"name":"a","version":"1","sha256":"00","size":1,"at":"2026-02-11T12:00:00Z"}`))
	f.Add([]byte(`{"size":-1}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s := newTestStore(t, 1<<20)
		for _, name := range []string{"x", filepath.Base(s.entryPath(key{"a", "1"}))} {
			if err := os.WriteFile(filepath.Join(s.entries, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s.restart(t)
		if got := s.get(t, "a", "1"); got != "none" {
			t.Errorf("a forged record gives %q", got)
		}
		if len(s.files(t, "entries")) != 0 {
			t.Error("it is left there")
		}
	})
}

// After a rollback, a version finds the entries of a newer one, which may have other fields.
func TestNewerEntriesAreRead(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	s.put(t, "/static/a.js", "1", "one")
	for _, file := range s.files(t, "entries") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		newer := bytes.Replace(content, []byte("{"), []byte(`{"newer":{"field":true},`), 1)
		if err := os.WriteFile(file, newer, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.restart(t)
	if got := s.get(t, "/static/a.js", "1"); got != "one" || len(s.reports) > 0 {
		t.Errorf("got %q and the reports %q, want the content", got, s.reports)
	}
}
