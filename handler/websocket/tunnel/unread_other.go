//go:build !linux

package tunnel

// unread does not say: records are handed on one by one.
func unread(uintptr) int { return 0 }
