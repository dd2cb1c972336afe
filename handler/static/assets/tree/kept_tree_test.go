package tree_test

import (
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// countedEncoder counts the encodings.
type countedEncoder struct {
	variants.Encoder
	calls  *atomic.Int64
	before func()
}

func (e countedEncoder) Encode(coding variants.Coding, content []byte) []byte {
	e.calls.Add(1)
	e.before()
	return e.Encoder.Encode(coding, content)
}

// keptTree is a tree with variants on disk, and the number of encodings.
type keptTree struct {
	*tree.StillTree
	calls     atomic.Int64
	encodes   func() // called before each encoding
	directory string
	h         *assets.Handler
}

// newKeptTree returns the tree of a process. Another one with the same directory stands for a later or a parallel process.
func newKeptTree(t *testing.T, directory string, files map[string]string, configure ...func(*tree.Config)) *keptTree {
	t.Helper()
	k := &keptTree{directory: directory, encodes: func() {}}
	k.StillTree = tree.NewStillTree(t, files, append([]func(*tree.Config){func(c *tree.Config) {
		c.Encode = []variants.Coding{variants.Gzip, variants.Zstd, variants.Brotli}
		c.Variants = k.open(t, "compressed", 0)
	}}, configure...)...)
	k.encodeWith(func() variants.Encoder {
		return countedEncoder{variants.NewEncoder(), &k.calls, func() { k.encodes() }}
	})
	k.h = handlerOfStill(k.StillTree)
	return k
}

// encodeWith replaces the encoder. It must be called before the first reading.
func (k *keptTree) encodeWith(newEncoder func() variants.Encoder) {
	config := k.Configuration().MakerConfig()
	config.NewEncoder = newEncoder
	k.SetMaker(variants.New(config))
}

func handlerOfStill(s *tree.StillTree) *assets.Handler {
	return &assets.Handler{
		Sites: []assets.Site{{Prefix: "/static/", Tree: s.Tree}}, VersionQuery: []string{"v"}, Encode: []variants.Coding{variants.Gzip, variants.Brotli, variants.Zstd},
	}
}

func (k *keptTree) open(t *testing.T, name string, size int64) *archive.Store {
	t.Helper()
	now := func() time.Time {
		if k.StillTree == nil {
			return time.Now()
		}
		return k.Now
	}
	store := archive.New(archive.Config{Directory: filepath.Join(k.directory, name), Size: size, Now: now})
	if err := store.Open(); err != nil {
		t.Fatal(err)
	}
	return store
}

// settle reads the tree, and waits for its variants.
func (k *keptTree) settle() *tree.Catalog {
	k.T.Helper()
	k.Read()
	k.Background().Wait()
	return k.Published()
}

// look runs the hourly check of the variants.
func (k *keptTree) look() {
	k.T.Helper()
	k.Now = k.Now.Add(tree.RenewEvery)
	k.Renew(k.T.Context())
	k.Background().Wait()
}

// encoded requests a path in a coding, and checks the response.
func (k *keptTree) encoded(path string, coding variants.Coding, want string) *http.Response {
	k.T.Helper()
	response := ask(k.T, k.h, "GET", "/static/"+path, "Accept-Encoding", coding.String())
	if got := response.Header.Get("Content-Encoding"); got != coding.String() || response.StatusCode != 200 {
		k.T.Errorf("%s: %d in %q, want it in %s", path, response.StatusCode, got, coding)
		return response
	}
	if length := response.Header.Get("Content-Length"); length == "" || decoded(k.T, response) != want {
		k.T.Errorf("%s in %s is not the file (Content-Length %q)", path, coding, length)
	}
	return response
}

func (k *keptTree) blobs() []string {
	blobs, err := filepath.Glob(filepath.Join(k.directory, "compressed", "blobs", "*"))
	if err != nil {
		k.T.Fatal(err)
	}
	return blobs
}

// writtenAt returns the modification time of each file in a directory.
func writtenAt(t *testing.T, directory string) map[string]time.Time {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files: %v", len(entries), err)
	}
	at := make(map[string]time.Time)
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		at[entry.Name()] = info.ModTime()
	}
	return at
}
