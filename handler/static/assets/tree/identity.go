package tree

import (
	"io/fs"
	"time"
)

// identity tells one state of a file from another. The change time changes even if a tool restores the modification time.
type identity struct {
	size    int64
	modTime time.Time
	change  time.Time
	inode   uint64
}

func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modTime: info.ModTime()}
	id.change, id.inode = systemIdentity(info)
	return id
}

// latest is the time of the last change, by the clock of the file system.
func (id identity) latest() time.Time {
	if id.change.IsZero() {
		return id.modTime
	}
	return id.change
}
