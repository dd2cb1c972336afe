package tree_test

import (
	"context"
	"errors"
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

// A request for a young file waits until it has been quiet for settle, and gets Retry-After if the file changes meanwhile.
func TestUploadThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, meanwhile string
		status          int
		body            string
	}{
		{"still", "", 200, "part"},
		{"being written", "part, and more", 503, ""},
		{"overwritten with bytes of the same length", "tarp", 503, ""},
		{"removed", "removed", 404, ""},
	} {
		s := tree.NewStillTree(t, map[string]string{"old.png": "old"}, func(c *tree.Config) { c.Settle = time.Hour })
		s.Read()
		s.Write("new.png", "part")
		s.Now = time.Now()
		var waits []time.Duration
		s.SetWaitFor(func(d time.Duration) error {
			waits = append(waits, d)
			switch c.meanwhile {
			case "":
			case "removed":
				s.Remove("new.png")
			default:
				s.Write("new.png", c.meanwhile)
				later := time.Now().Add(time.Second)
				return os.Chtimes(s.Path("new.png"), later, later)
			}
			return nil
		})
		response := ask(t, handlerOfStill(s), "GET", "/static/new.png")
		if body := bodyOf(t, response); response.StatusCode != c.status || c.status == 200 && body != c.body || (c.status == 503) != (response.Header.Get("Retry-After") != "") {
			t.Errorf("%s: %d %q %v, want %d", c.name, response.StatusCode, body, response.Header, c.status)
		}
		if len(waits) != 1 || waits[0] <= 0 || waits[0] > time.Hour {
			t.Errorf("%s: waits for %v, want once for the rest of settle", c.name, waits)
		}
	}
}

// A request ends when its client disconnects while it waits.
func TestWaitForAnUploadEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s := tree.NewStillTree(t, map[string]string{"old.png": "old"}, func(c *tree.Config) { c.Settle = time.Hour })
	catalog := s.Read()
	s.Write("new.png", "new")
	s.Config.Now = time.Now
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if file, err := s.Unpublished(ctx, catalog, "new.png"); file != nil || !errors.Is(err, tree.ErrBeingWritten) {
		t.Errorf("%v, %v", file, err)
	}
}
