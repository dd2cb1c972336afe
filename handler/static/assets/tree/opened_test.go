package tree_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// midway is a response that changes the file after the first bytes of its body.
type midway struct {
	*httptest.ResponseRecorder
	happens func()
}

func (w *midway) Write(p []byte) (int, error) {
	if w.happens != nil {
		w.happens()
		w.happens = nil
	}
	return w.ResponseRecorder.Write(p)
}

// A response whose file is overwritten while it is sent stays incomplete.
func TestChangedWhileItIsSent(t *testing.T) {
	t.Parallel()
	before, after := tree.Text(2*tree.MaxInMemory), strings.ToUpper(tree.Text(2*tree.MaxInMemory))
	overwrite := func(t *testing.T, path, with string) {
		if err := os.WriteFile(path, []byte(with), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, rang string
		happens    func(t *testing.T, path string)
		whole      bool
		why        string
	}{
		{"nothing happens", "", func(*testing.T, string) {}, true, "all bytes are of one version"},
		{"overwritten", "", func(t *testing.T, path string) { overwrite(t, path, after) }, false, "the rest is of the next version"},
		{"overwritten, a part", "bytes=100-1999999", func(t *testing.T, path string) { overwrite(t, path, after) }, false, "the rest is of the next version"},
		{"overwritten, parts", "bytes=0-99,1000000-1999999", func(t *testing.T, path string) { overwrite(t, path, after) }, false, "the rest is of the next version"},
		{"cut", "", func(t *testing.T, path string) { overwrite(t, path, "short") }, false, "the rest is missing"},
		{"overwritten, its date kept", "", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, path, after)
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, false, "the change time differs, so the digest decides"},
		{"another in its place", "", func(t *testing.T, path string) {
			overwrite(t, path+".new", after)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, true, "the file that is sent is unchanged"},
		{"removed", "bytes=0-1999999", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, true, "the file that is sent is unchanged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			path := filepath.Join(root, "film.mp4")
			overwrite(t, path, before)
			h := handlerOf(t, tree.OpenAt(t, tree.Config{Root: root, Settle: time.Hour}))
			r := httptest.NewRequest(http.MethodGet, "/static/film.mp4", nil)
			if c.rang != "" {
				r.Header.Set("Range", c.rang)
			}
			w := &midway{httptest.NewRecorder(), func() { c.happens(t, path) }}
			aborted := aborts(func() { _ = h.ServeHTTP(w, r, nextFails{}) })
			length := w.Header().Get("Content-Length")
			whole := tree.FormatInt(int64(w.Body.Len())) == length
			if whole != c.whole || aborted == c.whole {
				t.Errorf("%d of %s bytes, aborted: %v; %s", w.Body.Len(), length, aborted, c.why)
			}
			if c.whole && !strings.Contains(before, w.Body.String()) {
				t.Error("other bytes were sent")
			}
		})
	}
}

// aborts reports whether the handler aborts its response, so that the client detects the missing bytes.
func aborts(handle func()) (aborted bool) {
	defer func() {
		if err, isError := recover().(error); isError {
			aborted = errors.Is(err, http.ErrAbortHandler)
		}
	}()
	handle()
	return false
}

// interfering is an archive that changes the file while it reads the file.
type interfering struct {
	tree.Archive
	happens func()
}

func (a *interfering) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	a.happens()
	return a.Archive.PutSparing(name, version, content, since)
}

// A file that is overwritten while it is archived is not archived under the earlier version.
func TestChangedWhileItIsKept(t *testing.T) {
	t.Parallel()
	store := &interfering{Archive: archive.New(archive.Config{
		Directory: t.TempDir(), Keep: time.Hour, Size: 64 << 20, Now: time.Now, Report: func(err error) { t.Error(err) },
	})}
	before := tree.Text(2 * tree.MaxInMemory)
	s := tree.NewStillTree(t, map[string]string{"film." + tree.MD5Of(before)[:12] + ".mp4": before}, func(c *tree.Config) { c.Archive = store })
	name := "film." + tree.MD5Of(before)[:12] + ".mp4"
	store.happens = func() { s.Write(name, strings.ToUpper(before)) }
	s.Read()
	s.Background().Wait()
	if _, kept := store.Find(name, ""); kept {
		t.Error("other bytes are archived under the earlier version")
	}
	if s.Logged("cannot archive asset") {
		t.Error("an ordinary deploy is logged as an error")
	}
}
