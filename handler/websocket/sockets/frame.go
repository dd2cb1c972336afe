package sockets

import (
	"encoding/binary"
	"math"
)

// Parts of a frame header (RFC 6455, 5.2).
const (
	finBit      = 0x80 // in the first byte
	opcodeBits  = 0x0f
	opcodeClose = 0x8
	maskBit     = 0x80 // in the second byte
	lengthBits  = 0x7f
	// MaxHeaderLength is the length of the longest header: 2 bytes, 8 of extended length, 4 of mask.
	MaxHeaderLength = 14
)

// HeaderLength returns the length of a frame header with this second byte.
func HeaderLength(second byte) int {
	n := 2
	switch second & lengthBits {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&maskBit != 0 {
		n += 4
	}
	return n
}

// PayloadLength returns the length of the payload that follows a complete frame header. The length is invalid if it is above
// [math.MaxInt64].
func PayloadLength(header []byte) uint64 {
	switch length := header[1] & lengthBits; length {
	case 126:
		return uint64(binary.BigEndian.Uint16(header[2:]))
	case 127:
		return binary.BigEndian.Uint64(header[2:])
	default:
		return uint64(length)
	}
}

// frames follows the frame boundaries of one direction. Bytes may come in pieces of any size. It keeps no payload except the
// code of a Close frame. The zero value is at the first frame boundary.
type frames struct {
	payloadLeft uint64 // bytes of the current frame's payload that are still to come
	header      [MaxHeaderLength]byte
	headerRead  uint8 // bytes of the header that have come; 0 between frames
	codeRead    uint8 // bytes of a Close frame's code that have come
	code        [2]byte
	closed      bool // a complete Close frame has passed
	invalid     bool // a frame had an impossible length: no boundary is known after it
}

// atBoundary reports whether no frame is incomplete.
func (f *frames) atBoundary() bool { return f.headerRead == 0 && !f.invalid }

// advance follows all of p.
func (f *frames) advance(p []byte) {
	for len(p) > 0 {
		p = p[f.step(p):]
	}
}

// advanceToBoundary follows p up to the next frame boundary, or to the end of p. It returns the number of bytes followed.
func (f *frames) advanceToBoundary(p []byte) int {
	n := 0
	for n < len(p) && (n == 0 || !f.atBoundary()) {
		n += f.step(p[n:])
	}
	return n
}

// step follows at least one byte of p, and at most the rest of the header or payload.
func (f *frames) step(p []byte) int {
	switch {
	case f.invalid:
		return len(p)
	case f.payloadLeft > 0:
		return f.stepPayload(p)
	}
	for n, b := range p {
		f.header[f.headerRead] = b
		f.headerRead++
		if f.headerRead >= 2 && int(f.headerRead) == HeaderLength(f.header[1]) {
			f.beginPayload()
			return n + 1
		}
	}
	return len(p)
}

// beginPayload reads the payload's length from the complete header.
func (f *frames) beginPayload() {
	f.payloadLeft = PayloadLength(f.header[:])
	f.invalid = f.payloadLeft > math.MaxInt64 // the most significant bit must be 0
	if f.payloadLeft == 0 {
		f.endFrame()
	}
}

func (f *frames) stepPayload(p []byte) int {
	n := len(p)
	if uint64(n) > f.payloadLeft {
		n = int(f.payloadLeft)
	}
	if f.isClose() {
		f.readCode(p[:n])
	}
	if f.payloadLeft -= uint64(n); f.payloadLeft == 0 {
		f.endFrame()
	}
	return n
}

func (f *frames) endFrame() {
	f.closed = f.closed || f.isClose()
	f.headerRead = 0
}

func (f *frames) isClose() bool { return f.header[0]&opcodeBits == opcodeClose }

// readCode keeps the first two bytes of a Close frame's payload, unmasked. Only the first Close frame counts.
func (f *frames) readCode(p []byte) {
	if f.closed {
		return
	}
	for _, b := range p[:min(len(p), 2-int(f.codeRead))] {
		if f.header[1]&maskBit != 0 {
			b ^= f.header[HeaderLength(f.header[1])-4+int(f.codeRead)]
		}
		f.code[f.codeRead] = b
		f.codeRead++
	}
}

// closeCode returns the code of the Close frame that passed. It is [CodeNoStatus] if the frame has no code, and [CodeAbnormal]
// if there was no Close frame.
func (f *frames) closeCode() Code {
	switch {
	case !f.closed:
		return CodeAbnormal
	case f.codeRead < 2:
		return CodeNoStatus
	}
	return Code(binary.BigEndian.Uint16(f.code[:]))
}
