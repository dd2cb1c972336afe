package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
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
