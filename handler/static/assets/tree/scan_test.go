package tree

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// Two changes within a clock tick of the file system have the same time. A file that was read within this tick is read again.
func TestFreshFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	s := NewStillTree(t, map[string]string{"a.js": "a"})
	s.Now = time.Now()
	first := s.Read()
	if !s.fresh["a.js"] {
		t.Fatal("a file that changed just now is not fresh")
	}
	s.Now = s.Now.Add(time.Minute)
	if second := s.Read(); second != first || len(s.fresh) != 0 {
		t.Errorf("another catalog of the same bytes, or still fresh: %v", s.fresh)
	}
	scan := &scanner{fresh: map[string]bool{"a.js": true}}
	if !scan.mustReread(&File{Path: "a.js", Content: []byte("a")}, true) {
		t.Error("a fresh file is not read again")
	}
}

// Two generations share the files that did not change.
func TestUnchangedFilesAreShared(t *testing.T) {
	t.Parallel()
	s := NewStillTree(t, map[string]string{"main.js": "1", "app-DdCDtH1A.js": "app", "large.bin": strings.Repeat("x", maxInMemory+1)})
	first := s.Read()
	s.Write("main.js", "2")
	second := s.Read()
	for _, path := range []string{"app-DdCDtH1A.js", "large.bin"} {
		if first.Lookup(path) != second.Lookup(path) {
			t.Errorf("%s is there twice", path)
		}
	}
	if first.Lookup("main.js") == second.Lookup("main.js") {
		t.Error("main.js is what it was")
	}
	s.Write(".vite/manifest.json", `{"app.js":{"file":"app-DdCDtH1A.js"}}`)
	third := s.Read()
	if before, now := second.Lookup("app-DdCDtH1A.js"), third.Lookup("app-DdCDtH1A.js"); before.Evidence.Kind != NoEvidence || now.Evidence.Kind != ByManifest {
		t.Errorf("evidence %q, and with a manifest %q", before.Evidence.Kind, now.Evidence.Kind)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	progress := make(chan [4]int64, 1)
	s := &scanner{every: time.Millisecond, progress: func(files, of int, bytes, ofBytes int64) {
		select {
		case progress <- [4]int64{int64(files), int64(of), bytes, ofBytes}:
		default:
		}
	}}
	s.readFiles.Store(1)
	s.readBytes.Store(10)
	stop := s.logProgress([]entry{{identity: identity{size: 10}}, {identity: identity{size: 20}}})
	got := <-progress
	stop()
	if got != [4]int64{1, 2, 10, 30} {
		t.Errorf("progress %v", got)
	}
}

// BenchmarkScan reads a tree from the page cache, with digests and proofs.
func BenchmarkScan(b *testing.B) {
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<12) // 64 KiB
	const contents = 1024
	plain := func(i int, _ []byte) string { return fmt.Sprintf("app-%d.js", i) }
	versioned := func(i int, content []byte) string { return fmt.Sprintf("app-%d.%s.js", i, MD5Of(string(content))[:12]) }
	for _, tool := range []struct {
		name  string
		paths []func(i int, content []byte) string
	}{
		{"plain", []func(int, []byte) string{plain}},
		{"django", []func(int, []byte) string{versioned}},
		{"collectstatic", []func(int, []byte) string{plain, versioned}},
	} {
		root, size := b.TempDir(), int64(0)
		for i := range contents {
			content := append([]byte(fmt.Sprint(i)), block...)
			for _, path := range tool.paths {
				if err := os.WriteFile(filepath.Join(root, path(i, content)), content, 0o644); err != nil {
					b.Fatal(err)
				}
				size += int64(len(content))
			}
		}
		for _, held := range []struct {
			name   string
			memory int64
		}{{"held", 1 << 30}, {"streamed", 1}} {
			b.Run(tool.name+"/"+held.name, func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					tree, err := Open(Config{Root: root, Memory: held.memory, Logger: zap.NewNop(), Now: time.Now})
					if err != nil {
						b.Fatal(err)
					}
					catalog, err := tree.read(context.Background(), time.Now(), true)
					if err != nil || catalog.Files() != contents*len(tool.paths) {
						b.Fatal(err)
					}
					tree.Close()
				}
			})
		}
	}
}
