package tree_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Damaged variants on disk are never sent. They are encoded again.
func TestDamagedVariants(t *testing.T) {
	t.Parallel()
	script := tree.Text(5000)
	overwrite := func(t *testing.T, path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, why string
		damage    func(t *testing.T, path string, content []byte)
		made      int64 // encodings of the next process
	}{
		{"truncated", "a copy that broke off", func(t *testing.T, path string, content []byte) {
			overwrite(t, path, content[:len(content)/2])
		}, 3},
		{"emptied", "no bytes stand for a coding that does not pay; these were lost", func(t *testing.T, path string, _ []byte) {
			overwrite(t, path, nil)
		}, 3},
		{"one bit", "a disk that fails", func(t *testing.T, path string, content []byte) {
			content = bytes.Clone(content)
			content[len(content)/2] ^= 1
			overwrite(t, path, content)
		}, 3},
		{"foreign", "another content, well compressed, and as long", func(t *testing.T, path string, content []byte) {
			overwrite(t, path, bytes.Repeat([]byte{'x'}, len(content)))
		}, 3},
		{"removed", "somebody cleared the disk", func(t *testing.T, path string, _ []byte) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, 3},
		{"added", "a file without a record is removed", func(t *testing.T, path string, content []byte) {
			sum := sha256.Sum256([]byte("foreign"))
			overwrite(t, filepath.Join(filepath.Dir(path), hex.EncodeToString(sum[:])), []byte("foreign"))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			directory, files := t.TempDir(), map[string]string{"main.js": script}
			first := newKeptTree(t, directory, files, func(c *tree.Config) { c.Memory = 1 }) // every variant is sent from disk
			first.settle()
			for _, coding := range tree.AllCodings {
				first.encoded("main.js", coding, script)
			}
			for _, path := range first.blobs() {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				c.damage(t, path, content)
				later := time.Now().Add(time.Hour) // two changes within a clock tick have the same time
				_ = os.Chtimes(path, later, later)
			}
			for _, coding := range tree.AllCodings {
				response := ask(t, first.h, "GET", "/static/main.js", "Accept-Encoding", coding.String())
				if response.StatusCode != 200 || decoded(t, response) != script {
					t.Errorf("%s in use: %d %v (%s)", coding, response.StatusCode, response.Header, c.why)
				}
				if strict := ask(t, first.h, "GET", "/static/main.js", "Accept-Encoding", coding.String()+", identity;q=0"); decoded(t, strict) != script {
					t.Errorf("%s for a client that accepts only this coding: %d %v (%s)", coding, strict.StatusCode, strict.Header, c.why)
				}
			}
			second := newKeptTree(t, directory, files)
			second.settle()
			if got := second.calls.Load(); got != c.made {
				t.Errorf("the next process encoded %d times, want %d (%s)", got, c.made, c.why)
			}
			first.look()
			if got := first.calls.Load(); got != 3 {
				t.Errorf("the first process encoded %d times, want 3, since the next process repaired the variants (%s)", got, c.why)
			}
			for _, coding := range tree.AllCodings {
				first.encoded("main.js", coding, script)
				second.encoded("main.js", coding, script)
			}
		})
	}
}

// failing is an archive whose disk fails.
type failing struct {
	variants.Archive
	err   atomic.Pointer[error]
	tried atomic.Int64
}

func (a *failing) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	a.tried.Add(1)
	if err := a.err.Load(); err != nil {
		return *err
	}
	return a.Archive.PutSparing(name, version, content, since)
}

// A full or read-only disk is logged once. Variants that fit into memory are sent. No others are encoded.
func TestDiskFullForVariants(t *testing.T) {
	t.Parallel()
	files := make(map[string]string)
	for i := range 40 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + tree.Text(1000) + tree.Noise(1000)
	}
	const memory = 120_000
	for _, cause := range []error{syscall.ENOSPC, syscall.EROFS} {
		disk := new(failing)
		disk.err.Store(&cause)
		k := newKeptTree(t, t.TempDir(), files, func(c *tree.Config) {
			disk.Archive, c.Variants, c.Memory = c.Variants, disk, memory
		})
		for range 3 {
			k.settle()
			k.look()
			if held := tree.HeldBytes(k.Published()); held > memory || held < memory*3/4 {
				t.Errorf("%v: %d bytes are held, want up to %d", cause, held, memory)
			}
		}
		if got := k.Logs.FilterMessageSnippet("cannot store compressed assets").Len(); got != 1 {
			t.Errorf("%v: logged %d times, want once", cause, got)
		}
		before := k.calls.Load()
		k.look()
		if made := k.calls.Load() - before; made > 3 {
			t.Errorf("%v: encoded %d times without room", cause, made)
		}
		for name, content := range files {
			response := ask(t, k.h, "GET", "/static/"+name, "Accept-Encoding", "gzip, br, zstd")
			if response.StatusCode != 200 || decoded(t, response) != content {
				t.Errorf("%v: %s: %d %v", cause, name, response.StatusCode, response.Header)
			}
		}
		before = k.calls.Load()
		disk.err.Store(nil)
		k.look()
		for f := range k.Published().All() {
			if _, stored := f.Variants.Get(variants.Gzip).Open(); !stored {
				t.Errorf("%v: %s is not stored", cause, f.Path)
			}
		}
		for name, content := range files {
			for _, coding := range tree.AllCodings {
				k.encoded(name, coding, content)
			}
		}
		if again := newKeptTree(t, k.directory, files); true {
			again.settle()
			if got := again.calls.Load(); got != 0 {
				t.Errorf("%v: with room again, the next process encoded %d times, want none", cause, got)
			}
		}
		if made := k.calls.Load() - before; made > int64(len(files)*3) {
			t.Errorf("%v: variants in memory were encoded again: %d times", cause, made)
		}
		disk.err.Store(&cause)
		k.Write("new.js", "new"+tree.Text(1000))
		k.settle()
		if got := k.Logs.FilterMessageSnippet("cannot store compressed assets").Len(); got != 2 {
			t.Errorf("%v: logged %d times, want a second line after the recovery", cause, got)
		}
	}
}

// A directory that is removed while in use is created again. Until then variants in memory are sent, and other files uncompressed.
func TestDirectoryOfVariantsIsRemoved(t *testing.T) {
	t.Parallel()
	files := map[string]string{"main.js": tree.Text(5000)}
	k := newKeptTree(t, t.TempDir(), files, func(c *tree.Config) { c.Memory = 1 })
	k.settle()
	k.encoded("main.js", variants.Brotli, files["main.js"])
	if err := os.RemoveAll(filepath.Join(k.directory, "compressed")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "br", "If-None-Match", `"other"`)
		if response.StatusCode != 200 || response.Header.Get("Content-Encoding") != "" || bodyOf(t, response) != files["main.js"] {
			t.Errorf("%d %v", response.StatusCode, response.Header)
		}
		if tag := response.Header.Get("Etag"); tag != k.Published().Lookup("main.js").ETag() {
			t.Errorf("the entity tag %s is of another coding", tag)
		}
	}
	for _, c := range []struct {
		after  time.Duration
		coding string
	}{{tree.RenewLost - time.Second, ""}, {time.Second, "br"}} {
		k.Now = k.Now.Add(c.after)
		k.Renew(t.Context())
		k.Background().Wait()
		response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "br")
		if got := response.Header.Get("Content-Encoding"); got != c.coding {
			t.Errorf("%s later it is sent in %q, want %q", c.after, got, c.coding)
		}
	}
	k.encoded("main.js", variants.Brotli, files["main.js"])
	if got := newKeptTree(t, k.directory, files); true {
		got.settle()
		if got.calls.Load() != 0 {
			t.Error("it is not kept again")
		}
	}
}

// liar is an encoder whose output decodes to other bytes.
type liar struct{ variants.Encoder }

func (e liar) Encode(coding variants.Coding, content []byte) []byte {
	return e.Encoder.Encode(coding, slices.Concat(content[1:], content[:1]))
}

// The output of an encoder is decoded once before it is used.
func TestEncodedContentIsVerified(t *testing.T) {
	t.Parallel()
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": "1" + tree.Text(5000)})
	k.encodeWith(func() variants.Encoder { return liar{variants.NewEncoder()} })
	k.settle()
	response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "gzip, br, zstd")
	if bodyOf(t, response) != "1"+tree.Text(5000) || response.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", response.Header)
	}
	if len(k.blobs()) != 0 || k.Logs.FilterMessageSnippet("compression check failed").Len() != 3 {
		t.Errorf("kept %v, logged %v", k.blobs(), k.Logs.All())
	}
}

// An archive that cannot be opened is logged. The assets are served without it.
func TestArchivesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": tree.Text(5000)}, func(c *tree.Config) {
		c.Variants = archive.New(archive.Config{Directory: filepath.Join(file, "compressed"), Now: time.Now})
		c.Archive = archive.New(archive.Config{Directory: filepath.Join(file, "earlier"), Now: time.Now})
	})
	k.OpenArchive()
	k.settle()
	k.look()
	k.encoded("main.js", variants.Brotli, tree.Text(5000))
	for _, what := range []string{"cannot open archive; replaced assets are not kept", "cannot open archive of compressed assets; using memory"} {
		if k.Logs.FilterMessage(what).Len() != 1 {
			t.Errorf("not logged once: %s", what)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	k.look()
	for _, store := range []any{k.Configuration().Archive, k.Configuration().Variants} {
		if _, entries := store.(*archive.Store).Size(); entries == 0 {
			t.Error("no variant is archived once the archive opens")
		}
	}
}
