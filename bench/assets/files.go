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

// sizes are the sizes of the files with random content, which no coding compresses.
var sizes = map[string]int{"1k.bin": 1 << 10, "13k.bin": 13 << 10, "100k.bin": 100 << 10, large: 10 << 20}

// large is the file that servers send from disk.
const large = "10m.bin"

// writeFiles writes the same files to two directories. The directory sidecars also has the compressed files that peers need.
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

// scriptOf returns program text of a size. It is the text of this module, which compresses like a script.
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
	peers.Fatalf("too little program text: run the benchmark in the root of the module")
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
