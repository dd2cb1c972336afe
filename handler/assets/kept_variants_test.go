package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/archive"
)

// countedEncoder counts what is encoded, and is told before.
type countedEncoder struct {
	encoder
	calls  *atomic.Int64
	before func()
}

func (e countedEncoder) encode(coding Coding, content []byte) []byte {
	e.calls.Add(1)
	e.before()
	return e.encoder.encode(coding, content)
}

// keptTree is a tree whose variants are kept on disk, and how often it encoded.
type keptTree struct {
	*stillTree
	calls     atomic.Int64
	encodes   func() // is called before each of them
	directory string
	h         *Handler
}

// newKeptTree is the tree of a process. Another one with the same directory is that of the next, or of one beside it.
func newKeptTree(t *testing.T, directory string, files map[string]string, configure ...func(*TreeConfig)) *keptTree {
	t.Helper()
	k := &keptTree{directory: directory, encodes: func() {}}
	k.stillTree = newStillTree(t, files, append([]func(*TreeConfig){func(c *TreeConfig) {
		c.Encode = []Coding{Gzip, Zstd, Brotli}
		c.Variants = k.open(t, "compressed", 0)
	}}, configure...)...)
	k.compression.newEncoder = func() encoder { return countedEncoder{newEncoders(), &k.calls, func() { k.encodes() }} }
	k.h = handlerOfStill(k.stillTree)
	return k
}

func handlerOfStill(s *stillTree) *Handler {
	return &Handler{
		Sites: []Site{{Prefix: "/static/", Tree: s}}, VersionQuery: []string{"v"}, Encode: []Coding{Gzip, Brotli, Zstd},
	}
}

func (k *keptTree) open(t *testing.T, name string, size int64) *archive.Store {
	t.Helper()
	now := func() time.Time {
		if k.stillTree == nil {
			return time.Now()
		}
		return k.now
	}
	store := archive.New(archive.Config{Directory: filepath.Join(k.directory, name), Size: size, Now: now})
	if err := store.Open(); err != nil {
		t.Fatal(err)
	}
	return store
}

// settle reads the tree, and waits for its variants.
func (k *keptTree) settle() *Catalog {
	k.t.Helper()
	k.read()
	k.background.Wait()
	return k.catalog.Load()
}

// look looks at the variants again, as each hour.
func (k *keptTree) look() {
	k.t.Helper()
	k.now = k.now.Add(renewEvery)
	k.renew(k.t.Context())
	k.background.Wait()
}

// encoded asks for a path in a coding, and checks the answer.
func (k *keptTree) encoded(path string, coding Coding, want string) *http.Response {
	k.t.Helper()
	response := ask(k.t, k.h, "GET", "/static/"+path, "Accept-Encoding", coding.String())
	if got := response.Header.Get("Content-Encoding"); got != coding.String() || response.StatusCode != 200 {
		k.t.Errorf("%s: %d in %q, want it in %s", path, response.StatusCode, got, coding)
		return response
	}
	if length := response.Header.Get("Content-Length"); length == "" || decoded(k.t, response) != want {
		k.t.Errorf("%s in %s is not the file (Content-Length %q)", path, coding, length)
	}
	return response
}

func (k *keptTree) blobs() []string {
	blobs, err := filepath.Glob(filepath.Join(k.directory, "compressed", "blobs", "*"))
	if err != nil {
		k.t.Fatal(err)
	}
	return blobs
}

var allCodings = []Coding{Gzip, Zstd, Brotli}

// What was compressed once is not compressed again by the next process, and has the entity tags that it had.
func TestRestartCompressesNothing(t *testing.T) {
	t.Parallel()
	directory, files := t.TempDir(), map[string]string{"main.js": text(5000), "style.css": "a{}" + text(3000), "noise.js": noise(5000), "logo.png": text(5000)}
	first := newKeptTree(t, directory, files)
	first.settle()
	if got := first.calls.Load(); got != 9 {
		t.Errorf("the first process encoded %d times, want 9: three files, in three codings", got)
	}
	tags := make(map[Coding]string)
	for _, coding := range allCodings {
		tags[coding] = first.encoded("main.js", coding, files["main.js"]).Header.Get("Etag")
	}
	second := newKeptTree(t, directory, files)
	second.settle()
	if got := second.calls.Load(); got != 0 {
		t.Errorf("the second process encoded %d times, want none", got)
	}
	for _, coding := range allCodings {
		response := second.encoded("main.js", coding, files["main.js"])
		if tag := response.Header.Get("Etag"); tag != tags[coding] {
			t.Errorf("the entity tag in %s is %s, was %s", coding, tag, tags[coding])
		}
		again := ask(t, second.h, "GET", "/static/main.js", "Accept-Encoding", coding.String(), "If-None-Match", tags[coding])
		if again.StatusCode != http.StatusNotModified || again.Header.Get("Etag") != tags[coding] {
			t.Errorf("asked again in %s: %d %v", coding, again.StatusCode, again.Header)
		}
	}
	second.write("renamed.js", files["main.js"])
	second.settle()
	second.encoded("renamed.js", Brotli, files["main.js"])
	if got := second.calls.Load(); got != 0 {
		t.Errorf("the same bytes under another name were encoded %d times", got)
	}
}

// What several files hold is compressed once, and in memory once, with nothing on the disk too: Django leaves each file twice.
func TestSameContentIsCompressedOnce(t *testing.T) {
	t.Parallel()
	script := text(5000)
	hashed := "main." + md5Of(script)[:12] + ".js"
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": script, hashed: script}, func(c *TreeConfig) { c.Variants = nil })
	c := k.settle()
	if got := k.calls.Load(); got != 3 {
		t.Errorf("encoded %d times, want 3", got)
	}
	for _, coding := range allCodings {
		plain, _ := c.Lookup("main.js").tried(coding)
		copied, _ := c.Lookup(hashed).tried(coding)
		if plain == nil || plain != copied {
			t.Errorf("%s: %p and %p, want them to be one", coding, plain, copied)
		}
		k.encoded(hashed, coding, script)
	}
	k.write("third.js", script)
	k.settle()
	if k.encoded("third.js", Brotli, script); k.calls.Load() != 3 {
		t.Errorf("encoded %d times once there is a third, want 3", k.calls.Load())
	}
}

// What another level or another library made has another name.
func TestOtherSettingsAreOtherNames(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, coding := range allCodings {
		names[encoderSettings(coding, 1000)] = true
		if settings := encoderSettings(coding, 1000); !strings.HasPrefix(settings, coding.String()+" ") {
			t.Errorf("%s has the settings %q", coding, settings)
		}
	}
	names[encoderSettings(Brotli, maxInMemory+1)] = true
	if len(names) != 4 {
		t.Errorf("names %v, want four", names)
	}
}

// Whatever happened to the files on the disk, what is sent is the file; what was damaged is made anew.
func TestDamagedVariants(t *testing.T) {
	t.Parallel()
	script := text(5000)
	overwrite := func(t *testing.T, path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, why string
		damage    func(t *testing.T, path string, content []byte)
		made      int64 // how often the next process encodes
	}{
		{"truncated", "a copy that broke off", func(t *testing.T, path string, content []byte) {
			overwrite(t, path, content[:len(content)/2])
		}, 3},
		{"emptied", "no bytes are what does not pay, and these are not told to be none", func(t *testing.T, path string, _ []byte) {
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
		{"added", "what has no record is nobody's", func(t *testing.T, path string, content []byte) {
			sum := sha256.Sum256([]byte("foreign"))
			overwrite(t, filepath.Join(filepath.Dir(path), hex.EncodeToString(sum[:])), []byte("foreign"))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			directory, files := t.TempDir(), map[string]string{"main.js": script}
			first := newKeptTree(t, directory, files, func(c *TreeConfig) { c.Memory = 1 }) // all is sent from the disk
			first.settle()
			for _, coding := range allCodings {
				first.encoded("main.js", coding, script)
			}
			for _, path := range first.blobs() {
				content, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				c.damage(t, path, content)
				later := time.Now().Add(time.Hour) // two changes of a moment have one time
				_ = os.Chtimes(path, later, later)
			}
			for _, coding := range allCodings {
				response := ask(t, first.h, "GET", "/static/main.js", "Accept-Encoding", coding.String())
				if response.StatusCode != 200 || decoded(t, response) != script {
					t.Errorf("%s in use: %d %v (%s)", coding, response.StatusCode, response.Header, c.why)
				}
				if strict := ask(t, first.h, "GET", "/static/main.js", "Accept-Encoding", coding.String()+", identity;q=0"); decoded(t, strict) != script {
					t.Errorf("%s for a client that wants nothing else: %d %v (%s)", coding, strict.StatusCode, strict.Header, c.why)
				}
			}
			second := newKeptTree(t, directory, files)
			second.settle()
			if got := second.calls.Load(); got != c.made {
				t.Errorf("the next process encoded %d times, want %d (%s)", got, c.made, c.why)
			}
			first.look()
			if got := first.calls.Load(); got != 3 {
				t.Errorf("the first encoded %d times, want 3: the other has made them again (%s)", got, c.why)
			}
			for _, coding := range allCodings {
				first.encoded("main.js", coding, script)
				second.encoded("main.js", coding, script)
			}
		})
	}
}

// failing is an archive on a disk that fails.
type failing struct {
	Archive
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

// A disk that is full, or cannot be written, is said once; what there is memory for is sent compressed, and no more than that.
func TestDiskFullForVariants(t *testing.T) {
	t.Parallel()
	files := make(map[string]string)
	for i := range 40 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + text(1000) + noise(1000)
	}
	const memory = 120_000
	for _, cause := range []error{syscall.ENOSPC, syscall.EROFS} {
		disk := new(failing)
		disk.err.Store(&cause)
		k := newKeptTree(t, t.TempDir(), files, func(c *TreeConfig) {
			disk.Archive, c.Variants, c.Memory = c.Variants, disk, memory
		})
		for range 3 {
			k.settle()
			k.look()
			if held := k.catalog.Load().held(); held > memory || held < memory*3/4 {
				t.Errorf("%v: %d bytes are held, want up to %d", cause, held, memory)
			}
		}
		if got := k.logs.FilterMessageSnippet("cannot be kept on disk").Len(); got != 1 {
			t.Errorf("%v: said %d times, want once", cause, got)
		}
		before := k.calls.Load()
		k.look()
		if made := k.calls.Load() - before; made > 3 {
			t.Errorf("%v: encoded %d times, for which there is no room", cause, made)
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
		for f := range k.catalog.Load().All() {
			if made, _ := f.tried(Gzip); made == nil || made.kept == nil {
				t.Errorf("%v: %s is not known to be kept", cause, f.Path)
			}
		}
		for name, content := range files {
			for _, coding := range allCodings {
				k.encoded(name, coding, content)
			}
		}
		if again := newKeptTree(t, k.directory, files); true {
			again.settle()
			if got := again.calls.Load(); got != 0 {
				t.Errorf("%v: once there is room, all is kept; the next process encoded %d times", cause, got)
			}
		}
		if made := k.calls.Load() - before; made > int64(len(files)*3) {
			t.Errorf("%v: what is in memory was encoded again: %d times", cause, made)
		}
		disk.err.Store(&cause)
		k.write("new.js", "new"+text(1000))
		k.settle()
		if got := k.logs.FilterMessageSnippet("cannot be kept on disk").Len(); got != 2 {
			t.Errorf("%v: said %d times, want it again after it had gone", cause, got)
		}
	}
}

// A directory that is removed while it is used is made again; until then what is in memory is sent, and the rest as it is.
func TestDirectoryOfVariantsIsRemoved(t *testing.T) {
	t.Parallel()
	files := map[string]string{"main.js": text(5000)}
	k := newKeptTree(t, t.TempDir(), files, func(c *TreeConfig) { c.Memory = 1 })
	k.settle()
	k.encoded("main.js", Brotli, files["main.js"])
	if err := os.RemoveAll(filepath.Join(k.directory, "compressed")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "br", "If-None-Match", `"other"`)
		if response.StatusCode != 200 || response.Header.Get("Content-Encoding") != "" || bodyOf(t, response) != files["main.js"] {
			t.Errorf("%d %v", response.StatusCode, response.Header)
		}
		if tag := response.Header.Get("Etag"); tag != k.catalog.Load().Lookup("main.js").ETag() {
			t.Errorf("the entity tag %s is not that of what is sent", tag)
		}
	}
	for _, c := range []struct {
		after  time.Duration
		coding string
	}{{renewLost - time.Second, ""}, {time.Second, "br"}} {
		k.now = k.now.Add(c.after)
		k.renew(t.Context())
		k.background.Wait()
		response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "br")
		if got := response.Header.Get("Content-Encoding"); got != c.coding {
			t.Errorf("%s later it is sent in %q, want %q", c.after, got, c.coding)
		}
	}
	k.encoded("main.js", Brotli, files["main.js"])
	if got := newKeptTree(t, k.directory, files); true {
		got.settle()
		if got.calls.Load() != 0 {
			t.Error("it is not kept again")
		}
	}
}

// What there is no memory for is sent from the disk, compressed as ever.
func TestVariantsBeyondTheMemory(t *testing.T) {
	t.Parallel()
	files := map[string]string{"large.js": text(maxInMemory + 1000)}
	for i := range 20 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + text(1000) + noise(1000)
	}
	const memory = 30_000
	tags := make(map[string]string)
	directory := t.TempDir()
	for _, when := range []string{"made", "found"} {
		k := newKeptTree(t, directory, files, func(c *TreeConfig) { c.Memory = memory })
		c := k.settle()
		if held := c.held(); held > memory || held == 0 {
			t.Errorf("%s: %d bytes are held, want up to %d", when, held, memory)
		}
		inMemory, onDisk := [codings]int{}, 0
		for f := range c.All() {
			for coding, v := range f.variants().made {
				switch {
				case v == nil:
				case v.content == nil:
					onDisk++
				default:
					inMemory[coding]++
				}
			}
		}
		if onDisk == 0 || inMemory[Brotli] == 0 || inMemory[Gzip] > inMemory[Brotli] {
			t.Errorf("%s: %d variants are on the disk, and in memory %v: want the smallest there", when, onDisk, inMemory)
		}
		for name, content := range files {
			for _, coding := range allCodings {
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

// Memory that contents take is given up by variants, and taken again when it is free.
func TestVariantsMakeRoomForContents(t *testing.T) {
	t.Parallel()
	script := text(1000) + noise(3000)
	for _, onDisk := range []bool{true, false} {
		k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": script}, func(c *TreeConfig) {
			c.Memory = 20_000
			if !onDisk {
				c.Variants = nil
			}
		})
		inMemory := func() (count int) {
			for _, v := range k.catalog.Load().Lookup("main.js").variants().made {
				if v != nil && v.content != nil {
					count++
				}
			}
			return count
		}
		if k.settle(); inMemory() != 3 {
			t.Fatalf("kept %v: %d variants are in memory, want all", onDisk, inMemory())
		}
		k.write("photo.jpg", noise(11_000))
		if held := k.settle().held(); held > 20_000 || inMemory() != 1 {
			t.Errorf("kept %v: %d bytes are held, with %d variants, want up to 20000 with one", onDisk, held, inMemory())
		}
		if k.encoded("main.js", Brotli, script); k.catalog.Load().Lookup("main.js").variants().made[Brotli].content == nil {
			t.Errorf("kept %v: br is not in memory", onDisk)
		}
		if onDisk {
			k.encoded("main.js", Gzip, script)
		}
		k.remove("photo.jpg")
		k.read()
		k.now = k.now.Add(DefaultVanished)
		if k.settle(); inMemory() != 3 {
			t.Errorf("kept %v: %d variants are in memory, want all again", onDisk, inMemory())
		}
		if made := k.calls.Load(); onDisk && made != 3 {
			t.Errorf("encoded %d times, want 3", made)
		}
	}
}

// Two processes that start at once make nothing twice that the other has made already, and disturb each other not at all.
func TestTwoProcessesCompress(t *testing.T) {
	t.Parallel()
	directory, files := t.TempDir(), make(map[string]string)
	for i := range 30 {
		files[strconv.Itoa(i)+".js"] = strconv.Itoa(i) + text(4000)
	}
	both := []*keptTree{newKeptTree(t, directory, files), newKeptTree(t, directory, files)}
	var all sync.WaitGroup
	for _, k := range both {
		all.Go(func() { k.settle() })
	}
	all.Wait()
	for _, k := range both {
		for name, content := range files {
			for _, coding := range allCodings {
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
		t.Errorf("one process encoded %d times and the other %d, want 1 and 90: what the other made meanwhile is found", got, others)
	}
	late := newKeptTree(t, directory, files)
	both[0].write("new.js", text(4000)+"new")
	both[0].settle()
	late.write("new.js", text(4000)+"new")
	late.settle()
	if got := late.calls.Load(); got != 0 {
		t.Errorf("what the other made after this one had begun was encoded %d times", got)
	}
}

// The disk that variants take is bounded. What no file has goes first, and what is needed does not go round in circles.
func TestVariantsOnDiskAreBounded(t *testing.T) {
	t.Parallel()
	const size = 24 * 4096 // 12 variants: a record and the bytes of each take a block
	files := make(map[string]string)
	for i := range 4 {
		files[strconv.Itoa(i)+".js"] = "old" + strconv.Itoa(i) + text(2000)
	}
	k := newKeptTree(t, t.TempDir(), files)
	store := k.open(t, "bounded", size)
	k.config.Variants, k.compression.archive = store, store
	k.settle()
	if bytes, entries := store.Size(); entries != 12 || bytes > size {
		t.Fatalf("%d variants take %d bytes, want 12", entries, bytes)
	}
	k.now = k.now.Add(time.Minute)
	for name, content := range files {
		k.write(name, "new"+content)
	}
	k.settle()
	if got := k.calls.Load(); got != 24 {
		t.Errorf("encoded %d times, want 24", got)
	}
	for name, content := range files {
		k.encoded(name, Brotli, "new"+content)
	}
	k.now = k.now.Add(time.Minute)
	k.write("more.js", "more"+text(2000))
	k.settle()
	k.encoded("more.js", Brotli, "more"+text(2000)) // there is memory for it
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
		t.Errorf("the disk was written to, though nothing changed: %v, was %v", got, written)
	}
	k.now = k.now.Add(2 * archive.DefaultKeep)
	for name := range files {
		k.remove(name)
	}
	k.read()
	k.now = k.now.Add(DefaultVanished)
	k.settle()
	k.now = k.now.Add(archive.DefaultKeep - time.Minute)
	k.look()
	k.now = k.now.Add(archive.DefaultKeep - time.Minute)
	k.look()
	if _, entries := store.Size(); entries != 3 {
		t.Errorf("%d variants are left of the one file", entries)
	}
}

// writtenAt is when each file of a directory was written last.
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

// An earlier version that is kept is compressed as it was when it was current, with its entity tags, over a restart too.
func TestEarlierVersionsAreCompressed(t *testing.T) {
	t.Parallel()
	directory, first, second := t.TempDir(), "1"+text(5000), "2"+text(5000)
	withArchive := func(k *keptTree) {
		k.config.Archive = k.open(t, "earlier", 0)
	}
	k := newKeptTree(t, directory, map[string]string{"main.js": first, "side.js": "s" + first, "side.js.gz": gzipOf(t, "s"+first)})
	withArchive(k)
	c := k.settle()
	stamp := func(content string) string {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:8])
	}
	current := make(map[Coding]string)
	for _, coding := range allCodings {
		current[coding] = k.encoded("main.js?v="+stamp(first), coding, first).Header.Get("Etag")
	}
	if made, _ := c.Lookup("side.js").tried(Gzip); made == nil || string(made.content) != gzipOf(t, "s"+first) {
		t.Fatal("the sidecar is not used")
	}
	k.look()
	k.now = k.now.Add(renewEvery - time.Minute)
	k.write("main.js", second)
	k.write("side.js", "s"+second)
	k.remove("side.js.gz")
	k.settle()
	k.now = k.now.Add(DefaultVanished)
	k.settle()
	check := func(k *keptTree, when string) {
		t.Helper()
		before := k.calls.Load()
		for _, coding := range allCodings {
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
		if body := bodyOf(t, response); body != gzipOf(t, "s"+first) || response.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: the sidecar of the earlier version is not sent: %v", when, response.Header)
		}
		if response := ask(t, k.h, "GET", "/static/main.js?v="+stamp(first)); bodyOf(t, response) != first {
			t.Errorf("%s: the earlier version as it is: %v", when, response.Header)
		}
		k.encoded("main.js?v="+stamp(second), Brotli, second)
		if got := k.calls.Load(); got != before {
			t.Errorf("%s: a request had it encoded", when)
		}
	}
	check(k, "after the deployment")
	next := newKeptTree(t, directory, map[string]string{"main.js": second, "side.js": "s" + second})
	withArchive(next)
	next.now = k.now
	next.settle()
	check(next, "after a restart")
	if got := next.calls.Load(); got != 0 {
		t.Errorf("the next process encoded %d times", got)
	}
	k.now = k.now.Add(archive.DefaultKeep - time.Minute)
	check(k, "at the end of its time, which began when it was replaced")
	for _, blob := range next.blobs() {
		if err := os.Remove(blob); err != nil {
			t.Fatal(err)
		}
	}
	response := ask(t, next.h, "GET", "/static/main.js?v="+stamp(first), "Accept-Encoding", "br")
	if response.Header.Get("Content-Encoding") != "" || bodyOf(t, response) != first {
		t.Errorf("its variants are gone from the disk: %d %v", response.StatusCode, response.Header)
	}
}

// liar is an encoder with a fault.
type liar struct{ encoder }

func (e liar) encode(coding Coding, content []byte) []byte {
	return e.encoder.encode(coding, slices.Concat(content[1:], content[:1]))
}

// What an encoder makes is decoded once before it is kept.
func TestEncodersAreNotBelieved(t *testing.T) {
	t.Parallel()
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": "1" + text(5000)})
	k.compression.newEncoder = func() encoder { return liar{newEncoders()} }
	k.settle()
	response := ask(t, k.h, "GET", "/static/main.js", "Accept-Encoding", "gzip, br, zstd")
	if bodyOf(t, response) != "1"+text(5000) || response.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v", response.Header)
	}
	if len(k.blobs()) != 0 || k.logs.FilterMessageSnippet("not itself once it is compressed").Len() != 3 {
		t.Errorf("kept %v, logged %v", k.blobs(), k.logs.All())
	}
}

// An archive that cannot be opened is said, and the assets are served without.
func TestArchivesThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := newKeptTree(t, t.TempDir(), map[string]string{"main.js": text(5000)}, func(c *TreeConfig) {
		c.Variants = archive.New(archive.Config{Directory: filepath.Join(file, "compressed"), Now: time.Now})
		c.Archive = archive.New(archive.Config{Directory: filepath.Join(file, "earlier"), Now: time.Now})
	})
	k.openArchive()
	k.settle()
	k.look()
	k.encoded("main.js", Brotli, text(5000))
	for _, what := range []string{"earlier versions of assets are not kept", "compressed assets are not kept on disk"} {
		if k.logs.FilterMessage(what).Len() != 1 {
			t.Errorf("not said once: %s", what)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	k.look()
	for _, store := range []Archive{k.config.Archive, k.config.Variants} {
		if _, entries := store.(*archive.Store).Size(); entries == 0 {
			t.Error("nothing is kept once it can be opened")
		}
	}
}
