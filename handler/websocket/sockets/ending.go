package sockets

import "time"

// EndedEvent describes a socket that has ended.
type EndedEvent struct {
	Snapshot
	Duration time.Duration
	// Code is the code of the first Close frame from either side. It is [CodeNoStatus] if the frame has no code, and
	// [CodeAbnormal] if there was no Close frame. Clients and applications choose it, so it must not become a metric label
	// unchecked.
	Code Code
	// By is the side that ended the socket: client, application, gate, or transport if the connection ended without a Close
	// frame.
	By string
	// Reason is why the gate closed the socket, or how the connection ended without a Close frame. It is empty if the client or the
	// application closed the socket: their reasons may hold anything.
	Reason string
}

// How a socket may end.
const (
	endedByClient = iota + 1
	endedByApplication
	endedByGate
	endedByTransport
	endedByPingTimeout
	endedByWriteTimeout
)

var endedByNames = [...]string{
	endedByClient: "client", endedByApplication: "application", endedByGate: "gate",
	endedByTransport: "transport", endedByPingTimeout: "transport", endedByWriteTimeout: "transport",
}

// brokenReasons are the reasons of ends without a Close frame.
var brokenReasons = [...]string{
	endedByTransport:    "the connection ended without a Close frame",
	endedByPingTimeout:  "the client did not answer a ping",
	endedByWriteTimeout: "the client did not read",
}

// Timeout is a timeout of the client that ends its connection without a Close frame, since the client would not read one.
type Timeout uint32

// The timeouts.
const (
	// PingTimeout: the client did not answer a ping.
	PingTimeout Timeout = endedByPingTimeout
	// WriteTimeout: the client did not read.
	WriteTimeout Timeout = endedByWriteTimeout
)

// TimedOut records why the caller is about to end the connection, for the [EndedEvent].
func (s *Socket) TimedOut(t Timeout) { s.recordEnd(uint32(t), CodeAbnormal) }

func (s *Socket) endedEvent() EndedEvent {
	s.recordEnd(endedByTransport, CodeAbnormal)
	ending := s.endedBy.Load()
	return EndedEvent{
		Snapshot: s.Snapshot(),
		Duration: s.registry.now().Sub(s.started),
		Code:     Code(ending),
		By:       endedByNames[ending>>16],
		Reason:   s.endReason(ending >> 16),
	}
}

// endReason returns the reason of an [EndedEvent].
func (s *Socket) endReason(who uint32) string {
	c := s.closing.Load()
	switch {
	case who == endedByGate && c != nil:
		return c.reason
	case who >= endedByTransport:
		return brokenReasons[who]
	default:
		return ""
	}
}

// recordEnd records the side that ended the socket. Only the first call has an effect.
func (s *Socket) recordEnd(who uint32, code Code) { s.endedBy.CompareAndSwap(0, who<<16|uint32(code)) }
