//go:build unix && !linux

package directread

// hangupPoller does nothing: sources read until nothing is there.
type hangupPoller struct{}

func newHangupPoller() *hangupPoller { return nil }
func (*hangupPoller) watch(*Source)  {}
func (*hangupPoller) forget(*Source) {}
func (*hangupPoller) close()         {}
