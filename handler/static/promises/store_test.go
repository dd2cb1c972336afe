package promises

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct {
	mutex sync.Mutex
	at    time.Time
}

func (c *clock) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.at = c.at.Add(d)
}

func digestOf(content string) [sha256.Size]byte { return sha256.Sum256([]byte(content)) }

func promise(path, version, content string) Promise { return Promise{path, version, digestOf(content)} }

func open(t *testing.T, file string, c *clock) *Store {
	t.Helper()
	s := New(file, c.now)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *Store, promises ...Promise) {
	t.Helper()
	if err := s.Add(promises...); err != nil {
		t.Fatal(err)
	}
}

func newFile(t *testing.T) string { return filepath.Join(t.TempDir(), "archive", "promises") }

func TestHasOther(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	s := open(t, file, c)
	add(t, s, promise("a.js", "0123", "one"), promise("name.js", "", "one"))
	sum := digestOf("one")
	digits := hex.EncodeToString(sum[:])
	for range 2 {
		for _, c := range []struct {
			path, version, content string
			want                   bool
			why                    string
		}{
			{"a.js", "0123", "two", true, "it was given out for other content"},
			{"a.js", "0123", "one", false, "it was given out for this content"},
			{"a.js", "4567", "two", false, "it was never given out"},
			{"b.js", "0123", "two", false, "the promise is for another file"},
			{"a.js", "", "two", false, "the path alone was not given out"},
			{"name.js", "", "two", true, "the path alone was given out"},
			{"name.js", "", "one", false, "the path alone was given out for this content"},
			{"a.js", digits[:8], "two", true, "the beginning of the digest"},
			{"a.js", digits[:16], "two", true, "a longer beginning"},
			{"a.js", digits, "two", true, "the whole digest"},
			{"a.js", digits + "0", "two", false, "more than the digest"},
			{"a.js", digits[:7], "two", false, "too short to name content"},
			{"a.js", digits[:8], "one", false, "the content is current again"},
			{"name.js", digits[:8], "two", true, "the digest of the content that the path was given out for"},
		} {
			if got := s.HasOther(c.path, c.version, digestOf(c.content)); got != c.want {
				t.Errorf("HasOther(%s, %s, %s) = %t, want %t: %s", c.path, c.version, c.content, got, c.want, c.why)
			}
		}
		s = open(t, file, c) // as after a restart
	}
}

func TestPromisesExpire(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	s := open(t, file, c)
	add(t, s, promise("a.js", "", "one"), promise("b.js", "", "one"))
	c.advance(300 * 24 * time.Hour)
	add(t, s, promise("b.js", "", "one")) // given out again
	c.advance(Lifetime - 300*24*time.Hour - time.Second)
	for _, s := range []*Store{s, open(t, file, c)} {
		if !s.HasOther("a.js", "", digestOf("two")) {
			t.Error("a promise was forgotten that a browser may hold")
		}
	}
	c.advance(time.Second)
	for _, s := range []*Store{s, open(t, file, c)} {
		if s.HasOther("a.js", "", digestOf("two")) {
			t.Error("a promise did not expire")
		}
		if !s.HasOther("b.js", "", digestOf("two")) {
			t.Error("a promise expired that was given again")
		}
	}
}

// What is current is promised again with each generation, and must not grow the file.
func TestRepeatedPromisesAreWrittenRarely(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	s := open(t, file, c)
	for range 10 {
		add(t, s, promise("a.js", "", "one"))
		c.advance(time.Hour)
	}
	if content, _ := os.ReadFile(file); len(content) != lineLength {
		t.Errorf("wrote %q, want one line", content)
	}
	c.advance(renewAfter)
	add(t, s, promise("a.js", "", "one"))
	if content, _ := os.ReadFile(file); len(content) != 2*lineLength {
		t.Errorf("wrote %q, want a second line", content)
	}
}

func TestTwoProcessesShareAFile(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	first, second := open(t, file, c), open(t, file, c)
	add(t, first, promise("a.js", "", "one"))
	add(t, second, promise("b.js", "", "one")) // reads what the first wrote
	if !second.HasOther("a.js", "", digestOf("two")) {
		t.Error("the second process does not know the promise of the first")
	}
	add(t, first)
	if !first.HasOther("b.js", "", digestOf("two")) {
		t.Error("the first process does not know the promise of the second")
	}
}

// Own promises that are read back are not foreign.
func TestForeign(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	first, second := open(t, file, c), open(t, file, c)
	foreign := func(s *Store) uint64 {
		n, err := s.Foreign()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	add(t, first, promise("a.js", "", "one"))
	if got := foreign(first); got != 0 {
		t.Errorf("own promises: %d, want 0", got)
	}
	if got := foreign(second); got != 1 {
		t.Errorf("the promises of another: %d, want 1", got)
	}
	if got := foreign(second); got != 1 {
		t.Errorf("read again: %d, want 1", got)
	}
	if !second.HasOther("a.js", "", digestOf("two")) {
		t.Error("the second process does not know the promise of the first")
	}
}

func TestManyProcessesWriteAtOnce(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	const processes, promises = 8, 50
	var all sync.WaitGroup
	for process := range processes {
		s := open(t, file, c)
		all.Go(func() {
			for i := range promises {
				if err := s.Add(promise(fmt.Sprint(process, "/", i), "", "one")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s := open(t, file, c)
	for process := range processes {
		for i := range promises {
			if !s.HasOther(fmt.Sprint(process, "/", i), "", digestOf("two")) {
				t.Fatalf("promise %d of process %d is lost", i, process)
			}
		}
	}
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, damage string }{
		{"the end of a line is missing", "0123456789abcdef 01234"},
		{"a line of something else", "hello\n"},
		{"a line of the right length", strings.Repeat("x", lineLength-1) + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clock, file := &clock{at: noon}, newFile(t)
			s := open(t, file, clock)
			add(t, s, promise("a.js", "", "one"))
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, append(content, c.damage...), 0o600); err != nil {
				t.Fatal(err)
			}
			add(t, open(t, file, clock), promise("b.js", "", "one"))
			s = open(t, file, clock)
			for _, path := range []string{"a.js", "b.js"} {
				if !s.HasOther(path, "", digestOf("two")) {
					t.Errorf("the promise of %s is lost", path)
				}
			}
		})
	}
}

// While the disk is full or read-only, promises are remembered in memory. The next Add that succeeds writes them.
func TestUnwritableDirectory(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	directory := filepath.Dir(file)
	if err := os.WriteFile(directory, nil, 0o600); err != nil { // not a directory
		t.Fatal(err)
	}
	s := New(file, c.now)
	if err := s.Add(promise("a.js", "", "one")); err == nil || !strings.Contains(err.Error(), "promises of URLs") {
		t.Errorf("Add returned %v, want an error", err)
	}
	if !s.HasOther("a.js", "", digestOf("two")) {
		t.Error("the promise is not remembered")
	}
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	add(t, s)
	if !open(t, file, c).HasOther("a.js", "", digestOf("two")) {
		t.Error("the promise was not written when it could be")
	}
}

func TestFileIsCompacted(t *testing.T) {
	t.Parallel()
	c, file := &clock{at: noon}, newFile(t)
	lines := linesOf([]record{recordOf(promise("a.js", "", "one"), noon)})
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Repeat(string(lines), minCompacted/lineLength+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := New(file, c.now)
	add(t, other) // has read the old file
	s := open(t, file, c)
	if info, err := os.Stat(file); err != nil || info.Size() != lineLength {
		t.Errorf("the file has %d bytes, want %d (%v)", info.Size(), lineLength, err)
	}
	add(t, other, promise("b.js", "", "one"))
	add(t, s)
	for _, path := range []string{"a.js", "b.js"} {
		if !s.HasOther(path, "", digestOf("two")) {
			t.Errorf("the promise of %s is lost", path)
		}
	}
}

func TestOldestPromisesAreForgottenFirst(t *testing.T) {
	t.Parallel()
	c := &clock{at: noon}
	s := New(newFile(t), c.now)
	many := make([]record, maxRecords)
	for i := range many {
		many[i] = record{path: uint64(i), at: uint32(noon.Unix() - 1)}
	}
	s.merge(many)
	c.advance(time.Hour)
	s.merge([]record{recordOf(promise("a.js", "", "one"), c.now())})
	if held := len(*s.records.Load()); held > maxRecords {
		t.Errorf("%d records are held, want at most %d", held, maxRecords)
	}
	if !s.HasOther("a.js", "", digestOf("two")) {
		t.Error("the latest promise was forgotten")
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	c := &clock{at: noon}
	s := open(t, newFile(t), c)
	add(t, s, promise("a.js", "0123", "one"))
	digest := digestOf("two")
	if allocations := testing.AllocsPerRun(100, func() { s.HasOther("a.js", "20260211", digest) }); allocations > 0 {
		t.Errorf("a lookup makes %v allocations, want none", allocations)
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(linesOf([]record{recordOf(promise("a.js", "", "one"), noon)}))
	f.Add([]byte("+123456789abcdef 0123456789abcdef 0123456789abcdef 01234567\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, r := range parseLines(content) {
			again := parseLines(linesOf([]record{r}))
			if len(again) != 1 || again[0] != r {
				t.Errorf("%v was written and read as %v", r, again)
			}
		}
	})
}
