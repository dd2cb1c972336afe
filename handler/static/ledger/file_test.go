package ledger

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
