package tree_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/static/archive"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
)

// A variant on disk is not encoded again by the next process, and its entity tag stays.
func TestRestartCompressesNothing(t *testing.T) {
	t.Parallel()
	directory, files := t.TempDir(), map[string]string{"main.js": tree.Text(5000), "style.css": "a{}" + tree.Text(3000), "noise.js": tree.Noise(5000), "logo.png": tree.Text(5000)}
	first := newKeptTree(t, directory, files)
	first.settle()
	if got := first.calls.Load(); got != 9 {
		t.Errorf("the first process encoded %d times, want 9: three files, in three codings", got)
	}
	tags := make(map[variants.Coding]string)
	for _, coding := range tree.AllCodings {
		tags[coding] = first.encoded("main.js", coding, files["main.js"]).Header.Get("Etag")
	}
	second := newKeptTree(t, directory, files)
	second.settle()
	if got := second.calls.Load(); got != 0 {
		t.Errorf("the second process encoded %d times, want none", got)
	}
	for _, coding := range tree.AllCodings {
		response := second.encoded("main.js", coding, files["main.js"])
		if tag := response.Header.Get("Etag"); tag != tags[coding] {
			t.Errorf("the entity tag in %s is %s, was %s", coding, tag, tags[coding])
		}
		again := ask(t, second.h, "GET", "/static/main.js", "Accept-Encoding", coding.String(), "If-None-Match", tags[coding])
		if again.StatusCode != http.StatusNotModified || again.Header.Get("Etag") != tags[coding] {
			t.Errorf("requested again in %s: %d %v", coding, again.StatusCode, again.Header)
		}
	}
	second.Write("renamed.js", files["main.js"])
	second.settle()
	second.encoded("renamed.js", variants.Brotli, files["main.js"])
	if got := second.calls.Load(); got != 0 {
		t.Errorf("the same bytes under another name were encoded %d times", got)
	}
}

// The content of several files is encoded once and in memory once, also without an archive: Django writes each file twice.
func TestSameContentIsCompressedOnce(t *testing.T) {
	t.Parallel()
	script := tree.Text(5000)
	hashed := "main." + tree.MD5Of(script)[:12] + ".js"
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": script, hashed: script}, func(c *tree.Config) { c.Variants = nil })
	c := k.settle()
	if got := k.calls.Load(); got != 3 {
		t.Errorf("encoded %d times, want 3", got)
	}
	for _, coding := range tree.AllCodings {
		plain, copied := c.Lookup("main.js").Variants.Get(coding), c.Lookup(hashed).Variants.Get(coding)
		if plain == nil || plain != copied {
			t.Errorf("%s: %p and %p, want one variant", coding, plain, copied)
		}
		k.encoded(hashed, coding, script)
	}
	k.Write("third.js", script)
	k.settle()
	if k.encoded("third.js", variants.Brotli, script); k.calls.Load() != 3 {
		t.Errorf("encoded %d times once there is a third, want 3", k.calls.Load())
	}
}

// Variants without room in memory are sent from disk.
func TestVariantsBeyondTheMemory(t *testing.T) {
	t.Parallel()
	files := map[string]string{"large.js": tree.Text(tree.MaxInMemory + 1000)}
	for i := range 20 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + tree.Text(1000) + tree.Noise(1000)
	}
	const memory = 30_000
	tags := make(map[string]string)
	directory := t.TempDir()
	for _, when := range []string{"made", "found"} {
		k := newKeptTree(t, directory, files, func(c *tree.Config) { c.Memory = memory })
		c := k.settle()
		if held := tree.HeldBytes(c); held > memory || held == 0 {
			t.Errorf("%s: %d bytes are held, want up to %d", when, held, memory)
		}
		inMemory, onDisk := make(map[variants.Coding]int), 0
		for f := range c.All() {
			for _, coding := range tree.AllCodings {
				switch v := f.Variants.Get(coding); {
				case v == nil:
				case v.Bytes == nil:
					onDisk++
				default:
					inMemory[coding]++
				}
			}
		}
		if onDisk == 0 || inMemory[variants.Brotli] == 0 || inMemory[variants.Gzip] > inMemory[variants.Brotli] {
			t.Errorf("%s: %d variants are on disk, and %v in memory; want the smallest in memory", when, onDisk, inMemory)
		}
		for name, content := range files {
			for _, coding := range tree.AllCodings {
				response := k.encoded(name, coding, content)
				tag, length := response.Header.Get("Etag"), response.Header.Get("Content-Length")
				if before, known := tags[name+coding.String()]; known && before != tag {
					t.Errorf("%s: the entity tag of %s in %s is %s, was %s", when, name, coding, tag, before)
				}
				tags[name+coding.String()] = tag
				head := ask(t, k.h, "HEAD", "/static/"+name, "Accept-Encoding", coding.String())
				if head.Header.Get("Content-Length") != length || head.Header.Get("Etag") != tag || bodyOf(t, head) != "" {
					t.Errorf("%s: HEAD of %s in %s: %v", when, name, coding, head.Header)
				}
				again := ask(t, k.h, "GET", "/static/"+name, "Accept-Encoding", coding.String(), "If-None-Match", tag)
				if again.StatusCode != http.StatusNotModified {
					t.Errorf("%s: %s in %s again: %d", when, name, coding, again.StatusCode)
				}
			}
		}
		if got := k.calls.Load(); (when == "found") != (got == 0) {
			t.Errorf("%s: encoded %d times", when, got)
		}
	}
}

// Variants have a fixed part of the memory. A variant in memory stays there.
func TestVariantsHaveAPartOfTheMemory(t *testing.T) {
	t.Parallel()
	script := tree.Text(1000) + tree.Noise(3000)
	for _, onDisk := range []bool{true, false} {
		k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": script}, func(c *tree.Config) {
			c.Memory = 16_000 // 4,000 for variants: one of main.js
			if !onDisk {
				c.Variants = nil
			}
		})
		inMemory := func() (count, made int) {
			for _, coding := range tree.AllCodings {
				if v := k.Published().Lookup("main.js").Variants.Get(coding); v != nil {
					made++
					if v.Bytes != nil {
						count++
					}
				}
			}
			return count, made
		}
		wantMade := 1
		if onDisk {
			wantMade = 3
		}
		k.settle()
		if count, made := inMemory(); count != 1 || made != wantMade {
			t.Errorf("on disk %v: %d variants, %d in memory, want %d and one", onDisk, made, count, wantMade)
		}
		k.Write("photo.jpg", tree.Noise(11_000))
		k.settle()
		if count, made := inMemory(); count != 1 || made != wantMade {
			t.Errorf("on disk %v: with a photo %d variants, %d in memory, want %d and one", onDisk, made, count, wantMade)
		}
	}
}

// Two processes that start together use each other's variants and do not disturb each other.
func TestTwoProcessesCompress(t *testing.T) {
	t.Parallel()
	directory, files := t.TempDir(), make(map[string]string)
	for i := range 30 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + tree.Text(4000)
	}
	both := []*keptTree{newKeptTree(t, directory, files), newKeptTree(t, directory, files)}
	var all sync.WaitGroup
	for _, k := range both {
		all.Go(func() { k.settle() })
	}
	all.Wait()
	for _, k := range both {
		for name, content := range files {
			for _, coding := range tree.AllCodings {
				k.encoded(name, coding, content)
			}
		}
	}
	if third := newKeptTree(t, directory, files); true {
		third.settle()
		if got := third.calls.Load(); got != 0 {
			t.Errorf("the process after them encoded %d times", got)
		}
	}
	busy, other := newKeptTree(t, t.TempDir(), files), (*keptTree)(nil)
	other = newKeptTree(t, busy.directory, files)
	busy.encodes = sync.OnceFunc(func() { other.settle() })
	busy.settle()
	if got, others := busy.calls.Load(), other.calls.Load(); got != 1 || others != 90 {
		t.Errorf("one process encoded %d times and the other %d, want 1 and 90: each finds the variants of the other", got, others)
	}
	late := newKeptTree(t, directory, files)
	both[0].Write("new.js", tree.Text(4000)+"new")
	both[0].settle()
	late.Write("new.js", tree.Text(4000)+"new")
	late.settle()
	if got := late.calls.Load(); got != 0 {
		t.Errorf("variants that the other process wrote later were encoded %d times", got)
	}
}

// The disk space of variants is bounded. Variants of no current file are removed first, and needed ones are not written repeatedly.
func TestVariantsOnDiskAreBounded(t *testing.T) {
	t.Parallel()
	const size = 24 * 4096 // 12 variants: a record and the bytes of each take a block
	files := make(map[string]string)
	for i := range 4 {
		files[strconv.Itoa(i)+".js"] = "old" + strconv.Itoa(i) + tree.Text(2000)
	}
	k := newKeptTree(t, t.TempDir(), files)
	store := k.open(t, "bounded", size)
	k.Configuration().Variants = store
	k.encodeWith(func() variants.Encoder { return countedEncoder{variants.NewEncoder(), &k.calls, func() {}} })
	k.settle()
	if bytes, entries := store.Size(); entries != 12 || bytes > size {
		t.Fatalf("%d variants take %d bytes, want 12", entries, bytes)
	}
	k.Now = k.Now.Add(time.Minute)
	for name, content := range files {
		k.Write(name, "new"+content)
	}
	k.settle()
	if got := k.calls.Load(); got != 24 {
		t.Errorf("encoded %d times, want 24", got)
	}
	for name, content := range files {
		k.encoded(name, variants.Brotli, "new"+content)
	}
	k.Now = k.Now.Add(time.Minute)
	k.Write("more.js", "more"+tree.Text(2000))
	k.settle()
	k.encoded("more.js", variants.Brotli, "more"+tree.Text(2000)) // there is memory for it
	if bytes, entries := store.Size(); entries != 12 || bytes > size {
		t.Errorf("%d variants take %d bytes, want 12", entries, bytes)
	}
	before, written := k.calls.Load(), writtenAt(t, filepath.Join(k.directory, "bounded", "entries"))
	k.look()
	k.look()
	if got := k.calls.Load(); got != before {
		t.Errorf("encoded %d times more, though nothing changed", got-before)
	}
	if got := writtenAt(t, filepath.Join(k.directory, "bounded", "entries")); !maps.Equal(got, written) {
		t.Errorf("the files on disk changed without a reason: %v, were %v", got, written)
	}
	k.Now = k.Now.Add(2 * archive.DefaultKeep)
	for name := range files {
		k.Remove(name)
	}
	k.Read()
	k.Now = k.Now.Add(tree.DefaultVanished)
	k.settle()
	k.Now = k.Now.Add(archive.DefaultKeep - time.Minute)
	k.look()
	k.Now = k.Now.Add(archive.DefaultKeep - time.Minute)
	k.look()
	if _, entries := store.Size(); entries != 3 {
		t.Errorf("%d variants are left of the one file", entries)
	}
}

// An archived version keeps its codings and entity tags, also after a restart.
func TestEarlierVersionsAreCompressed(t *testing.T) {
	t.Parallel()
	directory, first, second := t.TempDir(), "1"+tree.Text(5000), "2"+tree.Text(5000)
	withArchive := func(k *keptTree) {
		k.Configuration().Archive = k.open(t, "earlier", 0)
	}
	k := newKeptTree(t, directory, map[string]string{"main.js": first, "side.js": "s" + first, "side.js.gz": tree.GzipOf(t, "s"+first)})
	withArchive(k)
	c := k.settle()
	stamp := func(content string) string {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:8])
	}
	current := make(map[variants.Coding]string)
	for _, coding := range tree.AllCodings {
		current[coding] = k.encoded("main.js?v="+stamp(first), coding, first).Header.Get("Etag")
	}
	if made := c.Lookup("side.js").Variants.Get(variants.Gzip); made == nil || string(made.Bytes) != tree.GzipOf(t, "s"+first) {
		t.Fatal("the sidecar is not used")
	}
	k.look()
	k.Now = k.Now.Add(tree.RenewEvery - time.Minute)
	k.Write("main.js", second)
	k.Write("side.js", "s"+second)
	k.Remove("side.js.gz")
	k.settle()
	k.Now = k.Now.Add(tree.DefaultVanished)
	k.settle()
	check := func(k *keptTree, when string) {
		t.Helper()
		before := k.calls.Load()
		for _, coding := range tree.AllCodings {
			path := "main.js?v=" + stamp(first)
			response := k.encoded(path, coding, first)
			if tag := response.Header.Get("Etag"); tag != current[coding] || response.Header.Get("Vary") != "Accept-Encoding" ||
				response.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s, in %s: %v, want the entity tag %s", when, coding, response.Header, current[coding])
			}
			again := ask(t, k.h, "GET", "/static/"+path, "Accept-Encoding", coding.String(), "If-None-Match", current[coding])
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("%s, in %s again: %d", when, coding, again.StatusCode)
			}
			part := ask(t, k.h, "GET", "/static/"+path, "Accept-Encoding", coding.String(), "Range", "bytes=0-9")
			if part.StatusCode != http.StatusPartialContent || bodyOf(t, part) != first[:10] {
				t.Errorf("%s, a part: %d", when, part.StatusCode)
			}
		}
		response := ask(t, k.h, "GET", "/static/side.js?v="+stamp("s"+first), "Accept-Encoding", "gzip")
		if body := bodyOf(t, response); body != tree.GzipOf(t, "s"+first) || response.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: the sidecar of the earlier version is not sent: %v", when, response.Header)
		}
		if response := ask(t, k.h, "GET", "/static/main.js?v="+stamp(first)); bodyOf(t, response) != first {
			t.Errorf("%s: the earlier version without coding: %v", when, response.Header)
		}
		k.encoded("main.js?v="+stamp(second), variants.Brotli, second)
		if got := k.calls.Load(); got != before {
			t.Errorf("%s: a request caused an encoding", when)
		}
	}
	check(k, "after the deployment")
	next := newKeptTree(t, directory, map[string]string{"main.js": second, "side.js": "s" + second})
	withArchive(next)
	next.Now = k.Now
	next.settle()
	check(next, "after a restart")
	if got := next.calls.Load(); got != 0 {
		t.Errorf("the next process encoded %d times", got)
	}
	k.Now = k.Now.Add(archive.DefaultKeep - time.Minute)
	check(k, "at the end of its time, which began when it was replaced")
	for _, blob := range next.blobs() {
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
	}
	response := ask(t, next.h, "GET", "/static/main.js?v="+stamp(first), "Accept-Encoding", "br")
	if response.Header.Get("Content-Encoding") != "" || bodyOf(t, response) != first {
		t.Errorf("its variants are missing on disk: %d %v", response.StatusCode, response.Header)
	}
}
