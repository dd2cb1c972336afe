//go:build !linux && !darwin && !freebsd && !netbsd

package tree

import (
	"io/fs"
	"time"
)

// systemIdentity is unknown here: only events show that a file was replaced by one with the same size and time.
func systemIdentity(fs.FileInfo) (time.Time, uint64) { return time.Time{}, 0 }
