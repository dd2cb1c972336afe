package main

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"

	"github.com/scan2food/usher/bench/internal/peers"
)

// sizes are the files that no coding makes smaller.
var sizes = map[string]int{"1k.bin": 1 << 10, "13k.bin": 13 << 10, "100k.bin": 100 << 10, large: 10 << 20}

// large is the one that is sent from disk.
const large = "10m.bin"

// writeFiles makes two directories with the same files. One has beside the script what peers want to find compressed.
func writeFiles(dir string) {
	for name, size := range sizes {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		writeBoth(dir, name, content)
	}
	writeBoth(dir, "main.js", scriptOf(100<<10))
	compressed := map[string]func(io.Writer) io.WriteCloser{
		".gz": func(w io.Writer) io.WriteCloser { z, _ := gzip.NewWriterLevel(w, gzip.BestCompression); return z },
		".br": func(w io.Writer) io.WriteCloser { return brotli.NewWriterLevel(w, brotli.BestCompression) },
	}
	for extension, encoder := range compressed {
		var out bytes.Buffer
		w := encoder(&out)
		_, _ = w.Write(scriptOf(100 << 10))
		_ = w.Close()
		write(filepath.Join(dir, "sidecars", "main.js"+extension), out.Bytes())
	}
}

// scriptOf is so many bytes of program text: that of this module, which compresses as scripts do.
func scriptOf(size int) []byte {
	var text []byte
	names, _ := filepath.Glob("handler/*/*/*.go")
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			peers.Fatalf("%v", err)
		}
		if text = append(text, content...); len(text) >= size {
			return text[:size]
		}
	}
	peers.Fatalf("run it in the root of the module, for its text")
	return nil
}

func writeBoth(dir, name string, content []byte) {
	for _, root := range []string{"plain", "sidecars"} {
		write(filepath.Join(dir, root, name), content)
	}
}

func write(path string, content []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		peers.Fatalf("%v", err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		peers.Fatalf("%v", err)
	}
}
