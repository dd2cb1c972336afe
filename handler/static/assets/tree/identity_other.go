//go:build !linux && !darwin && !freebsd && !netbsd

package assets

import (
	"io/fs"
	"time"
)

// systemIdentity is not known here: a file that is replaced with its size and time preserved is noticed by its events
// alone.
func systemIdentity(fs.FileInfo) (time.Time, uint64) { return time.Time{}, 0 }
