package tree

import (
	"io/fs"
	"time"
)

// identity is what the file system says of a file, for noticing that it is another one. The change time moves also
// where a tool puts the old modification time back.
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

// latest is when the file was last changed, as the file system's clock tells.
func (id identity) latest() time.Time {
	if id.change.IsZero() {
		return id.modTime
	}
	return id.change
}
