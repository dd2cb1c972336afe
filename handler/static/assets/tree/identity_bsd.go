//go:build darwin || freebsd || netbsd

package tree

import (
	"io/fs"
	"syscall"
	"time"
)

// systemIdentity returns the change time and the inode number.
func systemIdentity(info fs.FileInfo) (time.Time, uint64) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, 0
	}
	return time.Unix(stat.Ctimespec.Unix()), stat.Ino
}
