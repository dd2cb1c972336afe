//go:build !linux

package assets

// silentFileSystem is not known here: `poll` is for directories that others write to.
func silentFileSystem(string) (string, bool) { return "", false }
