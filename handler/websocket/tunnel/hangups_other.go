//go:build !linux

package tunnel

// hangups tells nobody: direct sources ask themselves.
type hangups struct{}

func newHangups() *hangups     { return nil }
func (*hangups) watch(source)  {}
func (*hangups) forget(source) {}
func (*hangups) close()        {}
