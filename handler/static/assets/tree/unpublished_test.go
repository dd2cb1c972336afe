package tree_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// An upload is served from disk as soon as the file is quiet, with no-cache, before the tree is published.
func TestUploads(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"old.png": "old"}, func(c *tree.Config) {
		c.Prefix, c.Immutable = "/static/", tree.Patterns{"/static/*"}
	})
	s.Read()
	h := handlerOfStill(s)
	outside := t.TempDir() + "/secret.png"
	if err := os.WriteFile(outside, []byte("SECRET"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Write("new.png", "new")
	s.Write("deep/er/new."+tree.MD5Of("hashed")[:12]+".js", "hashed")
	s.Write("large.bin", tree.Text(2*tree.MaxInMemory))
	s.Write(".env", "SECRET")
	s.Link(outside, "outside.png")
	s.Link(".env", "env.txt")
	s.Now = time.Now().Add(time.Minute) // the tree is quiet
	for path, want := range map[string]string{
		"new.png": "new", "deep/er/new." + tree.MD5Of("hashed")[:12] + ".js": "hashed", "large.bin": tree.Text(2 * tree.MaxInMemory), "new.png?v=1": "new",
	} {
		response := ask(t, h, "GET", "/static/"+path)
		if got := bodyOf(t, response); response.StatusCode != 200 || got != want || response.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, %d bytes, %v", path, response.StatusCode, len(got), response.Header)
		}
		if e := h.Explain(httptest.NewRequest("GET", "/static/"+path, nil)); e.Why != assets.Reasons[assets.IsUnpublished] || e.Evidence.Kind != tree.NoEvidence {
			t.Errorf("%s is explained as %+v", path, e)
		}
	}
	for _, path := range []string{"gone.png", ".env", "env.txt", "outside.png", "deep", "new.png/"} {
		response := ask(t, h, "GET", "/static/"+path)
		if body := bodyOf(t, response); response.StatusCode != http.StatusNotFound || strings.Contains(body, "SECRET") {
			t.Errorf("%s: %d, want 404", path, response.StatusCode)
		}
	}
	tag := ask(t, h, "GET", "/static/new.png").Header.Get("Etag")
	if response := ask(t, h, "GET", "/static/new.png", "If-None-Match", tag); tag == "" || response.StatusCode != http.StatusNotModified {
		t.Errorf("entity tag %q: %d, want 304", tag, response.StatusCode)
	}
	if response := ask(t, h, "GET", "/static/large.bin", "Range", "bytes=0-9"); response.StatusCode != 206 || response.Header.Get("Etag") != "" {
		t.Errorf("a part of a large file: %d %v", response.StatusCode, response.Header)
	}
	s.Read()
	if got := ask(t, h, "GET", "/static/new.png").Header.Get("Etag"); got != tag {
		t.Errorf("the entity tag is %s after publishing, was %s", got, tag)
	}
}

// A request for a growing file waits for settle, and gets Retry-After if the file still grows then.
func TestUploadThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		writes bool
		status int
	}{{"still", false, 200}, {"being written", true, 503}} {
		s := tree.NewStillTree(t, map[string]string{"old.png": "old"}, func(c *tree.Config) { c.Settle = 200 * time.Millisecond })
		s.Read()
		s.Write("new.png", "ne")
		s.Config.Now = time.Now
		h, asked := handlerOfStill(s), make(chan *http.Response, 1)
		go func() { asked <- ask(t, h, "GET", "/static/new.png") }()
		if c.writes {
			for len(asked) == 0 {
				s.Write("new.png", fmt.Sprint(time.Now().UnixNano()))
				time.Sleep(time.Millisecond)
			}
		}
		response := <-asked
		if response.StatusCode != c.status || c.status == 503 && response.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %v, want %d", c.name, response.StatusCode, response.Header, c.status)
		}
	}
}

// A request ends when its client disconnects while it waits.
func TestUploadThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"old.png": "old"}, func(c *tree.Config) { c.Settle = time.Hour })
	catalog := s.Read()
	s.Write("new.png", "new")
	s.Config.Now = time.Now
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if file, busy := s.Unpublished(ctx, catalog, "new.png"); file != nil || !busy {
		t.Errorf("%v, busy %v", file, busy)
	}
}
