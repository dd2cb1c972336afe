package sockets

import (
	"encoding/binary"
	"math"
)

// Parts of a frame header (RFC 6455, 5.2).
const (
	finBit          = 0x80 // of the first byte
	opcodeBits      = 0x0f
	opcodeClose     = 0x8
	maskBit         = 0x80 // of the second byte
	lengthBits      = 0x7f
	maxHeaderLength = 14
)

// frames follows the frames of one direction by their headers, in whatever pieces the bytes come. It keeps no payload
// but the code of a Close frame. The zero value is before the first frame.
type frames struct {
	payloadLeft uint64 // bytes of the present frame's payload that are still to come
	header      [maxHeaderLength]byte
	headerRead  uint8 // bytes of the header so far; 0 between frames
	codeRead    uint8 // bytes of a Close frame's code so far
	code        [2]byte
	closed      bool // a whole Close frame went by
	invalid     bool // a length that no frame can have: there are no boundaries any more
}

// atBoundary reports whether no frame is under way.
func (f *frames) atBoundary() bool { return f.headerRead == 0 && !f.invalid }

// advance follows all of p.
func (f *frames) advance(p []byte) {
	for len(p) > 0 {
		p = p[f.step(p):]
	}
}

// advanceToBoundary follows p to the next end of a frame, or to the end of p, and returns how far it came.
func (f *frames) advanceToBoundary(p []byte) int {
	n := 0
	for n < len(p) && (n == 0 || !f.atBoundary()) {
		n += f.step(p[n:])
	}
	return n
}

// step follows at least one byte of p: at most to the end of the header, or of the payload.
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
		if f.headerRead >= 2 && int(f.headerRead) == f.headerLength() {
			f.beginPayload()
			return n + 1
		}
	}
	return len(p)
}

func (f *frames) headerLength() int {
	n := 2
	switch f.header[1] & lengthBits {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if f.header[1]&maskBit != 0 {
		n += 4
	}
	return n
}

// beginPayload starts the payload that the header announces.
func (f *frames) beginPayload() {
	switch length := f.header[1] & lengthBits; length {
	case 126:
		f.payloadLeft = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		f.payloadLeft = binary.BigEndian.Uint64(f.header[2:])
	default:
		f.payloadLeft = uint64(length)
	}
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

// readCode keeps the first two bytes of a Close frame's payload, unmasked. Of several Close frames the first counts.
func (f *frames) readCode(p []byte) {
	if f.closed {
		return
	}
	for _, b := range p[:min(len(p), 2-int(f.codeRead))] {
		if f.header[1]&maskBit != 0 {
			b ^= f.header[f.headerLength()-4+int(f.codeRead)]
		}
		f.code[f.codeRead] = b
		f.codeRead++
	}
}

// closeCode is the code of the Close frame that went by: [CodeNoStatus] if it has none, [CodeAbnormal] if none went by.
func (f *frames) closeCode() Code {
	switch {
	case !f.closed:
		return CodeAbnormal
	case f.codeRead < 2:
		return CodeNoStatus
	}
	return Code(binary.BigEndian.Uint16(f.code[:]))
}
