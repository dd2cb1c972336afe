package sockets

import (
	"encoding/binary"
	"unicode/utf8"
)

// Code is a WebSocket close code (RFC 6455, 7.4).
type Code uint16

// Close codes that this module sends of its own accord.
const (
	CodeGoingAway Code = 1001
	CodeNone      Code = 1005 // no Close frame, or one without a code: never sent (RFC 6455, 7.4.1)
)

const (
	finalClose   = 0x88 // FIN and opcode 8 (RFC 6455, 5.2)
	opcodeMask   = 0x0f
	opcodeClose  = 0x8
	maskBit      = 0x80
	maxReason    = 123 // a control frame holds at most 125 bytes, two of them the code (RFC 6455, 5.5)
	maxHeaderLen = 14
)

// closeFrame encodes an unmasked Close frame, as a server sends it. The reason is cut to fit, between characters.
func closeFrame(code Code, reason string) []byte {
	if len(reason) > maxReason {
		cut := maxReason
		for cut > 0 && !utf8.RuneStart(reason[cut]) {
			cut--
		}
		reason = reason[:cut]
	}
	frame := make([]byte, 4, 4+len(reason))
	frame[0], frame[1] = finalClose, byte(2+len(reason))
	binary.BigEndian.PutUint16(frame[2:], uint16(code))
	return append(frame, reason...)
}

// frames follows the frames of one direction by their headers, in whatever pieces the bytes come. It copies no payload.
type frames struct {
	header    [maxHeaderLen]byte
	have      uint8  // bytes of the header so far
	payload   uint64 // bytes of the payload still to come
	offset    uint8  // of the payload of a Close frame, as far as its code
	code      [2]byte
	closeSeen bool
}

// boundary reports that no frame is under way.
func (f *frames) boundary() bool { return f.have == 0 && f.payload == 0 }

// advance follows all of p.
func (f *frames) advance(p []byte) {
	for len(p) > 0 {
		p = p[f.step(p):]
	}
}

// toBoundary follows p to the first end of a frame and returns how far that is; found=false if p ends before.
func (f *frames) toBoundary(p []byte) (n int, found bool) {
	for n < len(p) {
		n += f.step(p[n:])
		if f.boundary() {
			return n, true
		}
	}
	return n, false
}

// step follows at least one byte of p: to the end of the header, or of the payload, at most.
func (f *frames) step(p []byte) int {
	if f.inPayload() {
		return f.stepPayload(p)
	}
	n := 0
	for n < len(p) {
		f.header[f.have] = p[n]
		f.have++
		n++
		if f.have >= 2 && int(f.have) == f.headerLen() {
			f.beginPayload()
			break
		}
	}
	return n
}

func (f *frames) inPayload() bool { return f.payload > 0 }

func (f *frames) headerLen() int {
	n := 2
	switch f.header[1] &^ maskBit {
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

func (f *frames) beginPayload() {
	switch length := f.header[1] &^ maskBit; length {
	case 126:
		f.payload = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		f.payload = binary.BigEndian.Uint64(f.header[2:])
	default:
		f.payload = uint64(length)
	}
	f.offset = 0
	if f.isClose() {
		f.closeSeen = true
	}
	if f.payload == 0 {
		f.have = 0
	}
}

func (f *frames) isClose() bool { return f.header[0]&opcodeMask == opcodeClose }

func (f *frames) stepPayload(p []byte) int {
	n := len(p)
	if uint64(n) > f.payload {
		n = int(f.payload)
	}
	if f.isClose() {
		f.readCode(p[:n])
	}
	f.payload -= uint64(n)
	if f.payload == 0 {
		f.have = 0
	}
	return n
}

// readCode keeps the first two bytes of a Close frame's payload, unmasked.
func (f *frames) readCode(p []byte) {
	for i := 0; i < len(p) && f.offset < 2; i++ {
		b := p[i]
		if f.header[1]&maskBit != 0 {
			b ^= f.header[f.headerLen()-4+int(f.offset)]
		}
		f.code[f.offset] = b
		f.offset++
	}
}

// closeCode is the code of a Close frame that went by; CodeNone if none did, or it had none.
func (f *frames) closeCode() Code {
	if code := Code(binary.BigEndian.Uint16(f.code[:])); code != 0 {
		return code
	}
	return CodeNone
}
