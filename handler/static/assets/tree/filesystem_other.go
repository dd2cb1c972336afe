//go:build !linux

package tree

// silentFileSystem is not known here: `poll` is for directories that others write to.
func silentFileSystem(string) (string, bool) { return "", false }
