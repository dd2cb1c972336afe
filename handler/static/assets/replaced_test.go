package assets

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
)

// slowArchive takes nothing until it is let.
type slowArchive struct {
	Archive
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

// Files are in the archive before the next generation replaces them, however fast deployments follow each other.
func TestReplacedFilesAreArchivedFirst(t *testing.T) {
	t.Parallel()
	store := newSlowArchive(t)
	hashed := "app." + md5Of("app")[:12] + ".js"
	s := newStillTree(t, map[string]string{"main.js": "one", hashed: "app"}, func(c *TreeConfig) { c.Archive = store })
	s.archiveWait = time.Hour
	h := handlerOfStill(s)
	first := s.read()
	s.write("main.js", "two")
	published := make(chan *Catalog)
	go func() { published <- s.read() }()
	store.let <- struct{}{} // one file of two
	if current := s.Current(); current != first {
		t.Error("published before the replaced files are in the archive")
	}
	close(store.let)
	second := <-published
	s.write("main.js", "three")
	s.remove(hashed)
	s.read()
	s.now = s.now.Add(DefaultVanished)
	s.read()
	for path, want := range map[string]string{
		"main.js?v=" + first.Lookup("main.js").version():  "one",
		"main.js?v=" + second.Lookup("main.js").version(): "two",
		hashed: "app",
		"main.js?v=" + s.catalog.Load().Lookup("main.js").version(): "three",
	} {
		response := ask(t, h, http.MethodGet, "/static/"+path)
		if got := bodyOf(t, response); got != want || response.Header.Get("Cache-Control") != forever[0] {
			t.Errorf("%s is %q, %q, want %q for ever", path, got, response.Header.Get("Cache-Control"), want)
		}
		if e := h.Explain(httptest.NewRequest(http.MethodGet, "/static/"+path, nil)); e.Evidence.Kind != ByDigest {
			t.Errorf("%s is explained as %+v", path, e)
		}
	}
}

// A disk that takes nothing does not hold back a deployment.
func TestSlowArchiveDoesNotHoldBack(t *testing.T) {
	t.Parallel()
	store := newSlowArchive(t)
	s := newStillTree(t, map[string]string{"main.js": "one"}, func(c *TreeConfig) { c.Archive = store })
	s.archiveWait = time.Millisecond
	s.read()
	s.write("main.js", "two")
	if c := s.read(); content(c, "main.js") != "two" || !s.logged("publishing without waiting") {
		t.Errorf("main.js is %q, logged %v", content(c, "main.js"), s.logs.All())
	}
	close(store.let)
	s.background.Wait()
}
