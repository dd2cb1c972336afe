package tree

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/static/archive"
)

// counting is an archive that counts calls of Put.
type counting struct {
	Archive
	put atomic.Int64
}

func (a *counting) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	err := a.Archive.PutSparing(name, version, content, since)
	if err == nil {
		a.put.Add(1)
	}
	return err
}

// A tree that is larger than the archive: the smaller files are archived first, stay, and are not written again.
func TestTreeLargerThanTheArchive(t *testing.T) {
	t.Parallel()
	now := time.Now().Add(time.Minute)
	clock := func() time.Time { return now }
	store := &counting{Archive: archive.New(archive.Config{
		Directory: t.TempDir(), Keep: 72 * time.Hour, Size: 512 << 10, Now: clock, Report: func(err error) { t.Error(err) },
	})}
	files := map[string]string{"small.js": "small"}
	for i := range 20 {
		files["large"+strconv.Itoa(i)+".js"] = strconv.Itoa(i) + Noise(50<<10)
	}
	s := NewStillTree(t, files, func(c *Config) { c.Archive, c.Now = store, clock })
	s.Read()
	s.background.Wait()
	kept := func() map[string]bool {
		found := make(map[string]bool)
		for file := range s.catalog.Load().All() {
			if _, ok := store.Find(file.Path, file.archived()); ok {
				found[file.Path] = true
			}
		}
		return found
	}
	first, put := kept(), store.put.Load()
	if len(first) < 5 || len(first) == len(files) || !first["small.js"] {
		t.Fatalf("%d of %d files are kept, want some, and small.js of them: %v", len(first), len(files), first["small.js"])
	}
	now = now.Add(renewEvery)
	s.renew(context.Background())
	s.background.Wait()
	if again := store.put.Load(); again != put {
		t.Errorf("after an hour %d files were archived again, want none", again-put)
	}
	for path := range first {
		if !kept()[path] {
			t.Errorf("%s is not kept any more", path)
		}
	}
	if lines := s.Logs.FilterMessageSnippet("archive full; raise the size in keep").Len(); lines != 1 {
		t.Errorf("logged %d times, want once", lines)
	}
}

// fullArchive has no room.
type FullArchive struct{ Archive }

func (FullArchive) PutSparing(string, string, io.ReadSeeker, time.Time) error { return archive.ErrFull }

// stopping is an archive that closes the tree while the tree archives files.
type stopping struct {
	Archive
	stop   func()
	after  atomic.Int64 // the number of calls before the close; 0: never
	called atomic.Int64 // the calls after the close
}

func (a *stopping) call() {
	if after := a.after.Load(); after > 0 && a.called.Add(1) == after {
		a.stop()
	}
}

func (a *stopping) PutSparing(name, version string, content io.ReadSeeker, since time.Time) error {
	a.call()
	return a.Archive.PutSparing(name, version, content, since)
}

func (a *stopping) Renew(name, version string) bool {
	renewed := a.Archive.Renew(name, version)
	if renewed {
		a.call()
	}
	return renewed
}

// A stop waits for neither archiving nor renewing. Files that were archived before stay.
func TestStopDoesNotWaitForArchiving(t *testing.T) {
	t.Parallel()
	const files, after = 50, 3
	for _, when := range []string{"what is new", "what is renewed"} {
		root := t.TempDir()
		for i := range files {
			if err := os.WriteFile(filepath.Join(root, strconv.Itoa(i)+".js"), []byte(strconv.Itoa(i)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		var later atomic.Int64 // the clock is ahead
		clock := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
		store := &stopping{Archive: archive.New(archive.Config{
			Directory: t.TempDir(), Keep: 72 * time.Hour, Size: 64 << 20, Now: clock, Report: func(err error) { t.Error(err) },
		})}
		tree, err := Open(Config{Root: root, Poll: 10 * time.Millisecond, Archive: store, Logger: zap.NewNop(), Now: clock})
		if err != nil {
			t.Fatal(err)
		}
		store.stop = func() {
			go tree.Close()
			<-tree.ctx.Done()
		}
		kept := func() (n int) {
			for file := range tree.Current().All() {
				if _, ok := store.Find(file.Path, file.archived()); ok {
					n++
				}
			}
			return n
		}
		want := after
		if when == "what is new" {
			store.after.Store(after)
			tree.Catalog(context.Background())
		} else {
			tree.Catalog(context.Background())
			Eventually(t, "all is kept", func() bool { return kept() == files })
			want = files
			store.after.Store(after)
			later.Store(int64(renewEvery))
		}
		<-tree.done
		if called := store.called.Load(); called != after || kept() != want {
			t.Errorf("%s: the archive was called %d times, want %d; it holds %d files, want %d", when, called, after, kept(), want)
		}
	}
}
