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

// Deployments that follow each other faster than files are put into the archive lose nothing.
func TestReplacedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	store := &slowArchive{let: make(chan struct{}), Archive: archive.New(archive.Config{
		Directory: t.TempDir(), Keep: time.Hour, Size: 64 << 20, Now: time.Now, Report: func(err error) { t.Error(err) },
	})}
	hashed := "app." + md5Of("app")[:12] + ".js"
	s := newStillTree(t, map[string]string{"main.js": "one", hashed: "app"}, func(c *TreeConfig) {
		c.Archive = store
	})
	h := handlerOfStill(s)
	h.Epoch = "e1"
	first := s.read()
	s.write("main.js", "two")
	second := s.read()
	s.write("main.js", "three")
	s.remove(hashed)
	s.read()
	s.now = s.now.Add(DefaultVanished)
	s.read()
	check := func(when string) {
		t.Helper()
		for path, want := range map[string]string{
			"main.js?v=" + first.Lookup("main.js").version():         "one",
			"main.js?v=" + first.Lookup("main.js").version() + ".e1": "one",
			"main.js?v=" + second.Lookup("main.js").version():        "two",
			hashed: "app",
			"main.js?v=" + s.catalog.Load().Lookup("main.js").version(): "three",
		} {
			response := ask(t, h, http.MethodGet, "/static/"+path)
			if got := bodyOf(t, response); got != want || response.Header.Get("Cache-Control") != forever[0] {
				t.Errorf("%s: %s is %q, %q, want %q for ever", when, path, got, response.Header.Get("Cache-Control"), want)
			}
			if e := h.Explain(httptest.NewRequest(http.MethodGet, "/static/"+path, nil)); e.Evidence.Kind != ByDigest {
				t.Errorf("%s: %s is explained as %+v", when, path, e)
			}
		}
	}
	check("before it is kept")
	close(store.let)
	s.background.Wait()
	if len(s.replaced.catalogs) != 0 {
		t.Error("what was replaced is still in memory")
	}
	check("when it is kept")
}
