// Package atomicfile replaces files atomically: a reader sees the old content or the new, never a part.
package atomicfile

import (
	"io"
	"os"
	"path/filepath"
)

// Unfinished is the suffix of a file that is being written. A process that ends early leaves such a file behind.
const Unfinished = ".part"

// Write replaces the content of a file. It creates the directory if it is missing. Only the owner may read the file. Write does not
// call fsync: after a power failure the file may hold anything, and the caller must detect that.
func Write(path string, content func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "*"+Unfinished)
	if err != nil {
		return err
	}
	err = content(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
