package tree_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// A sidecar is sent if it decodes to its file. Otherwise it is reported and never sent.
func TestSidecars(t *testing.T) {
	t.Parallel()
	content := tree.Text(5000)
	encoders := variants.NewEncoder()
	defer encoders.Close()
	good := func(c variants.Coding) string { return string(encoders.Encode(c, []byte(content))) }
	// The sidecars of the test differ from usher's own output.
	marked := tree.GzipOf(t, content[:2000]) + tree.GzipOf(t, content[2000:])
	for _, c := range []struct {
		name, extension, sidecar string
		used, reported           bool
		why                      string
	}{
		{"gzip of two members", ".gz", marked, true, false, "RFC 1952, 2.2: they are one file"},
		{"gzip of other bytes", ".gz", tree.GzipOf(t, "alert('stale')"), false, true, "the file was changed, the sidecar was not"},
		{"gzip of the beginning", ".gz", tree.GzipOf(t, content[:4999]), false, true, "a byte is missing"},
		{"gzip cut short", ".gz", marked[:len(marked)-5], false, true, "an incomplete upload"},
		{"not gzip", ".gz", "hello", false, true, "not gzip"},
		{"gzip bomb", ".gz", tree.GzipOf(t, strings.Repeat("\x00", 4<<20)), false, true, "expands to far more than the file"},
		{"brotli of other bytes", ".br", string(encoders.Encode(variants.Brotli, []byte("stale"))), false, true, "stale"},
		{"brotli cut short", ".br", good(variants.Brotli)[:20], false, true, "an incomplete upload"},
		{"zstd of other bytes", ".zst", string(encoders.Encode(variants.Zstd, []byte("stale"))), false, true, "stale"},
		{"not zstd", ".zst", "hello, this is no zstd", false, true, "not zstd"},
		{"larger than the file", ".gz", tree.GzipOf(t, tree.Noise(6000)), false, false, "larger than the file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for name, content := range map[string]string{"main.js": content, "main.js" + c.extension: c.sidecar} {
				if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			core, logs := observer.New(zap.WarnLevel)
			served := tree.OpenAt(t, tree.Config{Root: root, Logger: zap.New(core), Encode: []variants.Coding{variants.Gzip, variants.Zstd, variants.Brotli}})
			var coding variants.Coding
			for candidate, extension := range variants.Extensions {
				if extension == c.extension {
					coding = variants.Coding(candidate)
				}
			}
			made := awaitVariant(t, served, "main.js", coding)
			if used := string(made.Bytes) == c.sidecar; used != c.used {
				t.Errorf("used: %t, want %t (%s)", used, c.used, c.why)
			}
			response := ask(t, handlerOf(t, served), "GET", "/static/main.js", "Accept-Encoding", coding.String())
			if response.Header.Get("Content-Encoding") != coding.String() || decoded(t, response) != content {
				t.Errorf("the response is not the file: %v (%s)", response.Header, c.why)
			}
			if reports := logs.FilterField(zap.String("path", "main.js"+c.extension)).Len(); reports > 1 || (reports == 1) != c.reported {
				t.Errorf("%d reports, want a report: %t (%s)", reports, c.reported, c.why)
			}
		})
	}
}

// A sidecar is used also for files below the size that usher compresses.
func TestSidecarOfASmallFile(t *testing.T) {
	t.Parallel()
	small := tree.Text(tree.MinCompressed - 1)
	served, _ := tree.OpenFiles(t, map[string]string{"small.js": small, "small.js.gz": tree.GzipOf(t, small), "other.js": "o" + small[1:]})
	awaitVariant(t, served, "small.js", variants.Gzip)
	h := handlerOf(t, served)
	response := ask(t, h, "GET", "/static/small.js", "Accept-Encoding", "gzip, br")
	if response.Header.Get("Content-Encoding") != "gzip" || decoded(t, response) != small || response.Header.Get("Vary") == "" {
		t.Errorf("%v", response.Header)
	}
	if response := ask(t, h, "GET", "/static/other.js", "Accept-Encoding", "gzip, br"); response.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small file without a sidecar: %v", response.Header)
	}
}

// A sidecar that becomes stale when its file is changed is not used for the new bytes.
func TestSidecarOfEarlierBytes(t *testing.T) {
	t.Parallel()
	old, next := tree.Text(5000), "/* new */"+tree.Text(5000)
	served, root := tree.OpenFiles(t, map[string]string{"main.js": old, "main.js.gz": tree.GzipOf(t, old)})
	awaitVariant(t, served, "main.js", variants.Gzip)
	if err := os.WriteFile(filepath.Join(root, "main.js"), []byte(next), 0o644); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "the new bytes", func() bool {
		return string(served.Catalog(context.Background()).Lookup("main.js").Content) == next
	})
	awaitVariant(t, served, "main.js", variants.Gzip)
	if response := ask(t, handlerOf(t, served), "GET", "/static/main.js", "Accept-Encoding", "gzip"); decoded(t, response) != next {
		t.Error("the stale sidecar was sent")
	}
}

// A sidecar without its file does not stand for the file. By its own name it is an ordinary file.
func TestSidecarWithoutItsFile(t *testing.T) {
	t.Parallel()
	served, _ := tree.OpenFiles(t, map[string]string{"main.js.gz": tree.GzipOf(t, tree.Text(5000))})
	h := handlerOf(t, served)
	if response := ask(t, h, "GET", "/static/main.js", "Accept-Encoding", "gzip"); response.StatusCode != 404 {
		t.Errorf("the missing file: %d, want 404", response.StatusCode)
	}
	response := ask(t, h, "GET", "/static/main.js.gz", "Accept-Encoding", "gzip")
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "application/gzip" || response.Header.Get("Content-Encoding") != "" {
		t.Errorf("the sidecar by its own name: %d %v", response.StatusCode, response.Header)
	}
}

// Variants of unchanged files are kept when other files change.
func TestVariantsAreMadeOnce(t *testing.T) {
	t.Parallel()
	served, root := tree.OpenFiles(t, map[string]string{"main.js": tree.Text(5000)})
	before := awaitVariant(t, served, "main.js", variants.Brotli)
	touched := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(root, "main.js"), touched, touched); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "other.js"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree.Eventually(t, "published again", func() bool {
		catalog := served.Catalog(context.Background())
		return catalog.Lookup("other.js") != nil && catalog.Lookup("main.js").ModTime.Equal(touched.Truncate(time.Second))
	})
	if served.Catalog(context.Background()).Lookup("main.js").Variants.Get(variants.Brotli) != before {
		t.Error("the variant was encoded again")
	}
}
