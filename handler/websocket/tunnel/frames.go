package tunnel

import (
	"errors"
	"fmt"
	"math"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// First bytes of control frames: the opcode (RFC 6455, 5.5) and the FIN bit, which control frames always have.
const (
	finClose = 0x88
	finPing  = 0x89
	finPong  = 0x8a
)

// errFrameLength reports a 64-bit length with its first bit set (RFC 6455, 5.2).
var errFrameLength = errors.New("frame length has its most significant bit set")

// frames follows the frame boundaries of one direction. It reads only headers.
type frames struct {
	payloadLeft uint64 // bytes of the current frame's payload that are still to come
	limit       uint64 // longest payload; 0 means any
	header      [sockets.MaxHeaderLength]byte
	headerRead  uint8 // bytes of an incomplete header
	opcode      uint8 // first byte of the current or last frame
	closed      bool  // a Close frame has passed: nothing may follow it
}

// frameTooLongError reports a payload longer than the limit.
type frameTooLongError struct{ length, limit uint64 }

func (e *frameTooLongError) Error() string {
	return fmt.Sprintf("frame of %d bytes, want at most %d", e.length, e.limit)
}

// atBoundary reports whether the bytes so far end with a complete frame.
func (f *frames) atBoundary() bool { return f.payloadLeft == 0 && f.headerRead == 0 }

// advance follows p up to the end of the current frame, or to the end of p. It returns the number of bytes followed.
func (f *frames) advance(p []byte) (n int, err error) {
	if f.payloadLeft == 0 {
		var complete bool
		if n, complete = f.readHeader(p); !complete {
			return n, nil
		}
		if err := f.beginPayload(); err != nil {
			return n, err
		}
	}
	take := min(f.payloadLeft, uint64(len(p)-n))
	f.payloadLeft -= take
	return n + int(take), nil
}

// skip follows all of p. It returns the position after the last frame that ended in p, or -1 if none did.
func (f *frames) skip(p []byte) (lastEnd int, err error) {
	lastEnd = -1
	for pos := 0; pos < len(p); {
		n, err := f.advance(p[pos:])
		if err != nil {
			return lastEnd, err
		}
		pos += n
		if f.atBoundary() {
			lastEnd = pos
		}
	}
	return lastEnd, nil
}

func (f *frames) readHeader(p []byte) (n int, complete bool) {
	for n < len(p) {
		f.header[f.headerRead] = p[n]
		f.headerRead++
		n++
		if f.headerRead >= 2 && int(f.headerRead) == sockets.HeaderLength(f.header[1]) {
			return n, true
		}
	}
	return n, false
}

// beginPayload reads the payload's length from the complete header.
func (f *frames) beginPayload() error {
	f.headerRead = 0
	f.opcode = f.header[0]
	length := sockets.PayloadLength(f.header[:])
	if length > math.MaxInt64 {
		return errFrameLength
	}
	if f.limit > 0 && length > f.limit {
		return &frameTooLongError{length, f.limit}
	}
	f.payloadLeft = length
	f.closed = f.closed || f.opcode&0x0f == finClose&0x0f
	return nil
}
