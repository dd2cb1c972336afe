package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/scan2food/usher/bench/internal/peers"
)

// encodings is what codings make of contents, by extension and content. Most files are those of the release before.
var encodings = make(map[[2]string][]byte)

// compressAll writes compressed files at the best level next to the files of a build, as build tools do.
func compressAll(root string) {
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !slices.Contains([]string{".html", ".js", ".css"}, filepath.Ext(name)) {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for extension, newWriter := range map[string]func(io.Writer) (io.WriteCloser, error){
			".gz": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestCompression) },
			".br": func(w io.Writer) (io.WriteCloser, error) {
				return brotli.NewWriterLevel(w, brotli.BestCompression), nil
			},
			".zst": func(w io.Writer) (io.WriteCloser, error) {
				return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
			},
		} {
			encoded, known := encodings[[2]string{extension, string(content)}]
			if !known {
				if encoded, err = encode(content, newWriter); err != nil {
					return err
				}
				encodings[[2]string{extension, string(content)}] = encoded
			}
			if err := os.WriteFile(name+extension, encoded, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		peers.Fatalf("compressing %s: %v", root, err)
	}
}

func encode(content []byte, newWriter func(io.Writer) (io.WriteCloser, error)) ([]byte, error) {
	var encoded bytes.Buffer
	writer, err := newWriter(&encoded)
	if err == nil {
		_, err = writer.Write(content)
	}
	if err == nil {
		err = writer.Close()
	}
	return encoded.Bytes(), err
}

// publish copies a release into the root of a site, and then removes the files that the release does not have, as rsync
// --delete-after does.
func publish(release, root string) {
	err := filepath.WalkDir(release, func(name string, entry fs.DirEntry, err error) error {
		target := root + strings.TrimPrefix(name, release)
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		default:
			return replaceFile(name, target)
		}
	})
	if err == nil {
		err = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if _, err := os.Stat(release + strings.TrimPrefix(name, root)); !os.IsNotExist(err) {
				return err
			}
			return os.Remove(name)
		})
	}
	if err != nil {
		peers.Fatalf("deploying %s: %v", release, err)
	}
}

// replaceFile copies a file beside its target, and renames the copy.
func replaceFile(name, target string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.WriteFile(target+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(target+".new", target)
}
