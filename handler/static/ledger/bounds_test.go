package ledger

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

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
