package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

// book is a ledger, its clock, and what it reported.
type book struct {
	*Ledger
	file    string
	since   atomic.Int64
	mutex   sync.Mutex
	reports []string
}

func openBook(t *testing.T) *book {
	t.Helper()
	b := &book{file: filepath.Join(t.TempDir(), "kept", "versions.json")}
	b.open()
	t.Cleanup(func() { b.Close() })
	return b
}

func (b *book) open() {
	b.Ledger = Open(Config{
		File: b.file, Every: time.Hour, Now: func() time.Time { return noon.Add(time.Duration(b.since.Load())) }, Report: b.report,
	})
}

func (b *book) report(err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.reports = append(b.reports, err.Error())
}

func (b *book) restart() { b.Close(); b.open() }

func (b *book) later(d time.Duration) { b.since.Add(int64(d)) }

// see is a version of main.js as it is asked for, or as it stands on a page.
func (b *book) see(version, content string, onPage bool) (Lie, bool) {
	return b.See(Sight{Path: "main.js", Word: "v", Version: version, Digest: sha256.Sum256([]byte(content)), Page: "/", OnPage: onPage})
}

// seeLong has it seen for a minute, as often as many clients do, and counts the lies.
func (b *book) seeLong(version, content string, onPage bool) (lies int) {
	for range 12 {
		if _, found := b.see(version, content, onPage); found {
			lies++
		}
		b.later(5 * time.Second)
	}
	return lies
}

func TestLies(t *testing.T) {
	t.Parallel()
	type step struct {
		version, content string
		lies             int
	}
	for _, c := range []struct {
		name, why string
		steps     []step
	}{
		{"same bytes", "nothing changed", []step{{"1", "old", 0}, {"1", "old", 0}}},
		{"incident", "one line for the same bytes", []step{{"1", "old", 0}, {"1", "new", 1}, {"1", "new", 0}}},
		{"twice", "the next deployment that forgets it is another lie", []step{{"1", "old", 0}, {"1", "new", 1}, {"1", "newer", 1}}},
		{"bumped", "the version changes with the bytes", []step{{"1", "old", 0}, {"2", "new", 0}, {"3", "newer", 0}}},
		{"pages of before", "the present bytes have a version, and it is seen more", []step{
			{"1", "old", 0}, {"2", "new", 0}, {"2", "new", 0}, {"1", "new", 0}}},
		{"rolled back", "the new version is told of the old bytes", []step{{"1", "old", 0}, {"2", "new", 0}, {"2", "old", 1}}},
		{"bumped late", "what lied is mended", []step{{"1", "old", 0}, {"1", "new", 1}, {"2", "new", 0}, {"2", "newer", 1}}},
	} {
		for _, onPage := range []bool{true, false} {
			for _, restarts := range []bool{false, true} {
				b := openBook(t)
				for i, s := range c.steps {
					if lies := b.seeLong(s.version, s.content, onPage); lies != s.lies {
						t.Errorf("%s, on a page %t, restarts %t, step %d: %d lies, want %d (%s)", c.name, onPage, restarts, i, lies, s.lies, c.why)
					}
					if restarts {
						b.restart()
					}
				}
				if len(b.reports) > 0 {
					t.Errorf("%s: reported %q", c.name, b.reports)
				}
			}
		}
	}
}

func TestLieSaysWhere(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("20260211", "old", true)
	b.see("20260211", "new", true)
	b.later(DefaultPatience)
	lie, found := b.See(Sight{Path: "main.js", Word: "v", Version: "20260211", Digest: sha256.Sum256([]byte("new")), Page: "/live/"})
	want := Lie{Path: "main.js", Word: "v", Version: "20260211", Page: "/live/", OnPage: true,
		Was: sha256.Sum256([]byte("old")), Is: sha256.Sum256([]byte("new"))}
	if !found || lie != want {
		t.Errorf("found %t, %+v, want %+v", found, lie, want)
	}
	b.restart()
	if at, page, lied := b.Lied("main.js", "20260211"); !lied || page != "/live/" || !at.Equal(noon.Add(time.Minute+DefaultPatience)) {
		t.Errorf("Lied = %v %q %t", at, page, lied)
	}
	if _, _, lied := b.Lied("main.js", "2"); lied {
		t.Error("a version lied that was never seen")
	}
}

// A deployment changes the files first: until the pages follow, nothing is said.
func TestPatience(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("1", "old", true)
	for range 9 {
		if _, found := b.see("1", "new", true); found {
			t.Error("a lie before the deployment was over")
		}
		b.later(time.Second)
	}
	b.see("2", "new", true)
	b.later(time.Hour)
	for range 2 { // no more than the new one
		if _, found := b.see("2", "new", true); found {
			t.Error("the new version is a lie")
		}
	}
	if _, found := b.see("2", "new", true); found {
		t.Error("the new version is a lie")
	}
}

// What one client makes up is neither believed, nor does it drive out what many have, or what stands on pages.
func TestMadeUpVersions(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("page", "old", true)
	for i := range 5000 {
		b.see("many", "old", false)
		b.see(fmt.Sprintf("made-up-%d", i), "old", false)
		b.see(fmt.Sprintf("made-up-too-%d", i), "old", false)
	}
	if notes := *(*b.shelves.Load())["main.js"].notes.Load(); len(notes) > 2*perKind {
		t.Errorf("%d versions are held, want no more than %d", len(notes), 2*perKind)
	}
	for _, version := range []string{"page", "many"} {
		if b.find("main.js", version) == nil {
			t.Errorf("%s was driven out", version)
		}
	}
	if notes := *(*b.shelves.Load())["main.js"].notes.Load(); b.seeLongEach(notes, "new") > 2 {
		t.Error("what one client made up is told of as a lie")
	}
}

// seeLongEach asks for each once before and once after the patience, on the present bytes.
func (b *book) seeLongEach(notes []*note, content string) (lies int) {
	for range 2 {
		for _, n := range notes {
			if _, found := b.see(n.version, content, n.kind == onPage); found {
				lies++
			}
		}
		b.later(DefaultPatience)
	}
	return lies
}

func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("1", "old", true)
	long := strings.Repeat("x", maxPath-10)
	for i := range maxPaths + 500 {
		b.See(Sight{Path: fmt.Sprint(long[:i%len(long)], i), Word: "v", Version: "1", Page: long[:200]})
		b.later(time.Millisecond)
	}
	if paths := len(*b.shelves.Load()); paths > maxPaths || b.size > maxSize {
		t.Errorf("%d paths take %d bytes, want no more than %d and %d", paths, b.size, maxPaths, maxSize)
	}
	size := 0
	for path, s := range *b.shelves.Load() {
		size += len(path) + sizeOf(*s.notes.Load())
	}
	if size != b.size {
		t.Errorf("counted %d bytes, there are %d", b.size, size)
	}
	if b.find("main.js", "1") == nil {
		t.Error("what stands on a page was driven out by what was asked for once")
	}
	b.restart()
	if info, err := os.Stat(b.file); err != nil || info.Size() > maxFile {
		t.Errorf("the file: %v, %v", info, err)
	}
	if b.find("main.js", "1") == nil || len(b.reports) > 0 {
		t.Errorf("after a restart it is gone, reported %q", b.reports)
	}
}

// The log is not filled, whatever is asked for: what is not told is counted.
func TestLiesAreBounded(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	told, untold := 0, 0
	for round := range 2 {
		for range 2 {
			for i := range 100 {
				lie, found := b.Name(fmt.Sprintf("%d.0123abcd.js", i), sha256.Sum256([]byte{byte(round)}), "why")
				if found {
					told++
					untold += lie.Untold
				}
			}
		}
		b.later(liesIn)
	}
	if told != 2*mostLies || untold != 100-mostLies {
		t.Errorf("%d lies were told, and %d counted, want %d and %d", told, untold, 2*mostLies, 100-mostLies)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	half := sha256.Sum256([]byte("half"))
	if lie, found := b.Name("a.0123abcd.js", half, "listed"); !found || !lie.InName || lie.Why != "listed" || lie.Path != "a.0123abcd.js" {
		t.Errorf("found %t, %+v", found, lie)
	}
	b.restart()
	if _, found := b.Name("a.0123abcd.js", half, "listed"); found {
		t.Error("the same is told of after a restart")
	}
	if _, _, lied := b.Lied("a.0123abcd.js", ""); !lied {
		t.Error("it is forgotten")
	}
	if _, found := b.Name("a.0123abcd.js", sha256.Sum256([]byte("other half")), "listed"); !found {
		t.Error("other bytes are not told of")
	}
}

func TestProved(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
	b.Proved("a.js", "0123", one)
	b.Proved("a.js", "", one) // is no version
	b.restart()
	sum := hex.EncodeToString(one[:])
	for _, c := range []struct {
		path, version string
		digest        Digest
		want          bool
		why           string
	}{
		{"a.js", sum[:8], two, true, "the digest in another length"}, {"a.js", sum, two, true, "all of it"},
		{"a.js", sum + "0", two, false, "more than all of it"}, {"a.js", sum[:7], two, false, "too short to be evidence"},
		{"a.js", sum[:8], one, false, "it is true again"}, {"b.js", sum, two, false, "another file"},
		{"a.js", "0123", two, true, "it was that of other bytes"}, {"a.js", "0123", one, false, "it is true again"},
		{"a.js", "4567", two, false, "nobody knows it"}, {"b.js", "0123", two, false, "another file"}, {"a.js", "", two, false, "no version"},
	} {
		if got := b.WasProved(c.path, c.version, c.digest); got != c.want {
			t.Errorf("WasProved(%s, %s) = %t, want %t (%s)", c.path, c.version, got, c.want, c.why)
		}
	}
}

// Two processes have the file while one follows the other.
func TestTwoLedgersOfOneFile(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("1", "old", true)
	b.save(true)
	next := &book{file: b.file}
	next.since.Store(b.since.Load())
	next.open()
	if lies := next.seeLong("1", "new", true); lies != 1 {
		t.Errorf("the next process found %d lies, want 1", lies)
	}
	next.see("2", "new", true)
	next.Close()
	b.see("3", "old", true)
	b.restart()
	for _, version := range []string{"1", "2", "3"} {
		if b.find("main.js", version) == nil {
			t.Errorf("version %s is lost", version)
		}
	}
	b.since.Store(next.since.Load())
	if lies := b.seeLong("1", "new", true); lies != 0 {
		t.Error("the lie is told again")
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	b.seeLong("1", "old", true)
	b.Close()
	if err := os.WriteFile(b.file, []byte("["), 0o600); err != nil {
		t.Fatal(err)
	}
	b.open()
	if len(b.reports) != 1 || !strings.Contains(b.reports[0], "reading the ledger of versions") {
		t.Errorf("reported %q", b.reports)
	}
	b.seeLong("1", "old", true)
	b.restart()
	if b.find("main.js", "1") == nil {
		t.Error("it was not begun anew")
	}
	// A directory that cannot be written is said once.
	b.reports = nil
	if err := os.RemoveAll(filepath.Dir(b.file)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Dir(b.file), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		b.see(fmt.Sprint(i), "old", true)
		b.save(false)
	}
	if len(b.reports) != 1 {
		t.Errorf("reported %q, want one line", b.reports)
	}
}

func TestWhatIsSeenAgainAllocatesNothing(t *testing.T) {
	b := openBook(t)
	digest := sha256.Sum256([]byte("old"))
	see := func(digest Digest, version string) {
		b.See(Sight{Path: "main.js", Word: "v", Version: version, Digest: digest, Page: "/"})
	}
	see(digest, "1")
	if allocations := testing.AllocsPerRun(100, func() { see(digest, "1"); b.WasProved("main.js", "1", digest) }); allocations > 0 {
		t.Errorf("a hit makes %v allocations, want none", allocations)
	}
	other := sha256.Sum256([]byte("new"))
	see(other, "1")
	if allocations := testing.AllocsPerRun(100, func() { see(other, "1") }); allocations > 0 {
		t.Errorf("a doubt makes %v allocations, want none", allocations)
	}
	if allocations := testing.AllocsPerRun(100, func() { see(digest, strings.Repeat("x", 100)[:maxVersion+1]) }); allocations > 1 {
		t.Errorf("what is no version makes %v allocations", allocations)
	}
}

func TestLedgerOfManyAtOnce(t *testing.T) {
	t.Parallel()
	b := openBook(t)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 300 {
				b.see(fmt.Sprint(i%7), fmt.Sprint(i/100), worker%2 == 0)
				b.Proved("main.js", fmt.Sprint("p", i%9), Digest{byte(worker)})
				b.later(time.Millisecond * 100)
				if i%50 == 0 {
					b.save(false)
				}
			}
		})
	}
	all.Wait()
	if len(b.reports) > 0 {
		t.Errorf("reported %q", b.reports)
	}
}

// Whatever stands in the file, the ledger opens, and writes what it can read again.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`[{"path":"a","version":"1","sha256":"` + strings.Repeat("00", 32) + `","kind":"page","at":"2026-02-11T12:00:00Z"}]`))
	f.Add([]byte(`[{"path":"a","sha256":"00","kind":"?","hits":-1}]`))
	f.Fuzz(func(t *testing.T, content []byte) {
		b := openBook(t)
		if err := os.MkdirAll(filepath.Dir(b.file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b.restart()
		b.see("1", "old", true)
		b.restart()
		first, err := os.ReadFile(b.file)
		if err != nil {
			t.Fatal(err)
		}
		if b.see("1", "old", true); b.find("main.js", "1") == nil {
			t.Errorf("what was written is not read: %s", first)
		}
		if bytes.Contains(first, []byte("?")) && !bytes.Contains(content, []byte("?")) {
			t.Error("a query was written")
		}
	})
}
