package sockets

import (
	"encoding/binary"
	"math"
)

// Parts of a frame header (RFC 6455, 5.2).
const (
	finBit       = 0x80 // of the first byte
	opcodeBits   = 0x0f
	opcodeClose  = 0x8
	maskBit      = 0x80 // of the second byte
	lengthBits   = 0x7f
	maxHeaderLen = 14
)

// frames follows the frames of one direction by their headers, in whatever pieces the bytes come. It keeps no payload
// but the code of a Close frame. The zero value is before the first frame.
type frames struct {
	payload uint64 // bytes of the present frame's payload that are still to come
	header  [maxHeaderLen]byte
	have    uint8 // bytes of the header so far; 0 between frames
	coded   uint8 // bytes of a Close frame's code so far
	code    [2]byte
	closed  bool // a whole Close frame went by
	lost    bool // a length that no frame can have: there are no boundaries any more
}

// boundary reports whether no frame is under way.
func (f *frames) boundary() bool { return f.have == 0 && !f.lost }

// advance follows all of p.
func (f *frames) advance(p []byte) {
	for len(p) > 0 {
		p = p[f.step(p):]
	}
}

// toBoundary follows p to the next end of a frame, or to the end of p, and returns how far it came.
func (f *frames) toBoundary(p []byte) int {
	n := 0
	for n < len(p) && (n == 0 || !f.boundary()) {
		n += f.step(p[n:])
	}
	return n
}

// step follows at least one byte of p: at most to the end of the header, or of the payload.
func (f *frames) step(p []byte) int {
	switch {
	case f.lost:
		return len(p)
	case f.payload > 0:
		return f.stepPayload(p)
	}
	for n, b := range p {
		f.header[f.have] = b
		f.have++
		if f.have >= 2 && int(f.have) == f.headerLen() {
			f.begin()
			return n + 1
		}
	}
	return len(p)
}

func (f *frames) headerLen() int {
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

// begin starts the payload that the header announces.
func (f *frames) begin() {
	switch length := f.header[1] & lengthBits; length {
	case 126:
		f.payload = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		f.payload = binary.BigEndian.Uint64(f.header[2:])
	default:
		f.payload = uint64(length)
	}
	f.lost = f.payload > math.MaxInt64 // the most significant bit must be 0
	if f.payload == 0 {
		f.end()
	}
}

func (f *frames) stepPayload(p []byte) int {
	n := len(p)
	if uint64(n) > f.payload {
		n = int(f.payload)
	}
	if f.isClose() {
		f.readCode(p[:n])
	}
	if f.payload -= uint64(n); f.payload == 0 {
		f.end()
	}
	return n
}

func (f *frames) end() {
	f.closed = f.closed || f.isClose()
	f.have = 0
}

func (f *frames) isClose() bool { return f.header[0]&opcodeBits == opcodeClose }

// readCode keeps the first two bytes of a Close frame's payload, unmasked. Of several Close frames the first counts.
func (f *frames) readCode(p []byte) {
	if f.closed {
		return
	}
	for _, b := range p[:min(len(p), 2-int(f.coded))] {
		if f.header[1]&maskBit != 0 {
			b ^= f.header[f.headerLen()-4+int(f.coded)]
		}
		f.code[f.coded] = b
		f.coded++
	}
}

// closeCode is the code of the Close frame that went by: [CodeNoStatus] if it has none, [CodeAbnormal] if none went by.
func (f *frames) closeCode() Code {
	switch {
	case !f.closed:
		return CodeAbnormal
	case f.coded < 2:
		return CodeNoStatus
	}
	return Code(binary.BigEndian.Uint16(f.code[:]))
}
