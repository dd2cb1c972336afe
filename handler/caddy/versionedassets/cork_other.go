//go:build !linux

package usher

import "syscall"

// cork does nothing: elsewhere taking such an option back does not send what is held, or there is none.
func cork(syscall.Conn) (uncork func()) { return func() {} }
