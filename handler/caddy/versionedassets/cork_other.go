//go:build !linux

package versionedassets

import "syscall"

// cork does nothing. Other systems have no such option, or do not send the held bytes when it is cleared.
func cork(syscall.Conn) (uncork func()) { return func() {} }
