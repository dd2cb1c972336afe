package sockets

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// Code is a WebSocket close code (RFC 6455, 7.4).
type Code uint16

// Close codes with a name in this package.
const (
	CodeNormal    Code = 1000
	CodeGoingAway Code = 1001
	CodeProtocol  Code = 1002
	CodeNoStatus  Code = 1005 // the Close frame has no code; never sent (RFC 6455, 7.4.1)
	CodeAbnormal  Code = 1006 // there is no Close frame; never sent
	CodePolicy    Code = 1008
	CodeTooBig    Code = 1009
	CodeInternal  Code = 1011
	CodeRestart   Code = 1012 // clients connect again at once (IANA registry)
	CodeTryLater  Code = 1013 // clients connect again later (IANA registry)
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

// maxReason is the maximum length of a Close frame's reason in bytes. The payload of a control frame is at most 125 bytes, and
// the code takes two (RFC 6455, 5.5).
const maxReason = 123

// closeFrame encodes an unmasked Close frame, as servers send it. It removes invalid UTF-8 from the reason (RFC 6455, 5.5.1)
// and cuts a long reason between characters. If the code must not be sent, the frame has neither code nor reason.
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
