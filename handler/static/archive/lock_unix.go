//go:build unix

package archive

import (
	"os"
	"syscall"
)

// lockShared marks a directory as in use until it is closed, or the process ends.
func lockShared(directory string) (*os.File, error) { return lock(directory, syscall.LOCK_SH) }

// lockAlone fails if the directory is in use.
func lockAlone(directory string) (*os.File, error) {
	return lock(directory, syscall.LOCK_EX|syscall.LOCK_NB)
}

func lock(directory string, how int) (*os.File, error) {
	file, err := os.Open(directory)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
