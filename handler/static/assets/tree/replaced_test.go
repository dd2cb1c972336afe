package tree_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// slowArchive blocks until the test releases it.
type slowArchive struct {
	tree.Archive
	let chan struct{}
}

func (a *slowArchive) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	<-a.let
	return a.Archive.PutSparing(name, version, content, since)
}

func newSlowArchive(t *testing.T) *slowArchive {
	t.Helper()
	return &slowArchive{let: make(chan struct{}), Archive: archive.New(archive.Config{
		Directory: t.TempDir(), Keep: time.Hour, Size: 64 << 20, Now: time.Now, Report: func(err error) { t.Error(err) },
	})}
}

// Replaced files are archived before the next generation is published, also when deploys follow quickly.
func TestReplacedFilesAreArchivedFirst(t *testing.T) {
	t.Parallel()
	store := newSlowArchive(t)
	hashed := "app." + tree.MD5Of("app")[:12] + ".js"
	s := tree.NewStillTree(t, map[string]string{"main.js": "one", hashed: "app"}, func(c *tree.Config) { c.Archive = store })
	s.SetArchiveWait(time.Hour)
	h := handlerOfStill(s)
	first := s.Read()
	s.Write("main.js", "two")
	published := make(chan *tree.Catalog)
	go func() { published <- s.Read() }()
	store.let <- struct{}{} // one file of two
	if current := s.Current(); current != first {
		t.Error("published before the replaced files are in the archive")
	}
	close(store.let)
	second := <-published
	s.Write("main.js", "three")
	s.Remove(hashed)
	s.Read()
	s.Now = s.Now.Add(tree.DefaultVanished)
	s.Read()
	for path, want := range map[string]string{
		"main.js?v=" + first.Lookup("main.js").StampedVersion():  "one",
		"main.js?v=" + second.Lookup("main.js").StampedVersion(): "two",
		hashed: "app",
		"main.js?v=" + s.Published().Lookup("main.js").StampedVersion(): "three",
	} {
		response := ask(t, h, http.MethodGet, "/static/"+path)
		if got := bodyOf(t, response); got != want || response.Header.Get("Cache-Control") != cacheForever {
			t.Errorf("%s is %q, %q, want %q, immutable", path, got, response.Header.Get("Cache-Control"), want)
		}
		if e := h.Explain(httptest.NewRequest(http.MethodGet, "/static/"+path, nil)); e.Evidence.Kind != tree.ByDigest {
			t.Errorf("%s is explained as %+v", path, e)
		}
	}
}

// A blocked archive does not delay a deploy for long.
func TestSlowArchiveDoesNotDelayADeploy(t *testing.T) {
	t.Parallel()
	store := newSlowArchive(t)
	s := tree.NewStillTree(t, map[string]string{"main.js": "one"}, func(c *tree.Config) { c.Archive = store })
	s.SetArchiveWait(time.Millisecond)
	s.Read()
	s.Write("main.js", "two")
	if c := s.Read(); tree.Content(c, "main.js") != "two" || !s.Logged("publishing without waiting") {
		t.Errorf("main.js is %q, logged %v", tree.Content(c, "main.js"), s.Logs.All())
	}
	close(store.let)
	s.Background().Wait()
}
