package sockets

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Code is a WebSocket close code (RFC 6455, 7.4).
type Code uint16

// Close codes that this package knows by name.
const (
	CodeNormal    Code = 1000
	CodeGoingAway Code = 1001
	CodeNoStatus  Code = 1005 // a Close frame without a code; never sent (RFC 6455, 7.4.1)
	CodeAbnormal  Code = 1006 // no Close frame at all; never sent
	codeTLS       Code = 1015 // never sent
)

// Sendable reports whether the code may stand in a Close frame (RFC 6455, 7.4.1 and 7.4.2).
func (c Code) Sendable() bool {
	switch c {
	case 1004, CodeNoStatus, CodeAbnormal, codeTLS:
		return false
	}
	return c >= 1000 && c < 5000
}

// maxReason is how many bytes of reason a Close frame holds: a control frame has at most 125 bytes of payload, two of
// them the code (RFC 6455, 5.5).
const maxReason = 123

// closeFrame encodes an unmasked Close frame, as a server sends it. What is no UTF-8 is left out of the reason (RFC 6455,
// 5.5.1), and what is too long is cut between characters. A code that may not be sent leaves the frame without either.
func closeFrame(code Code, reason string) []byte {
	if !code.Sendable() {
		return []byte{finBit | opcodeClose, 0}
	}
	reason = fitReason(reason)
	frame := make([]byte, 4, 4+len(reason))
	frame[0], frame[1] = finBit|opcodeClose, byte(2+len(reason))
	binary.BigEndian.PutUint16(frame[2:], uint16(code))
	return append(frame, reason...)
}

func fitReason(reason string) string {
	reason = strings.ToValidUTF8(reason, "")
	if len(reason) <= maxReason {
		return reason
	}
	cut := maxReason
	for !utf8.RuneStart(reason[cut]) {
		cut--
	}
	return reason[:cut]
}
