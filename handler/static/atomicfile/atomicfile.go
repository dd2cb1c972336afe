// Package atomicfile has a file be there whole, or as it was before: whoever reads it meanwhile finds no half of one.
package atomicfile

import (
	"io"
	"os"
	"path/filepath"
)

// Unfinished ends the name of a file that is being written. One that stays behind was left by a process that ended.
const Unfinished = ".part"

// Write puts content into a file, which only its owner may read, and makes its directory where there is none. It is not
// forced to the disk: after a failure of power the file may hold anything, and the caller has to recognise that.
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
