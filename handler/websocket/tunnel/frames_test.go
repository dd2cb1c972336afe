package tunnel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// frame returns a frame. A masked frame has a masking key of zeros, so that its payload stays readable.
func frame(first byte, masked bool, payload []byte) []byte {
	var b []byte
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b = append(b, first, mask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, first, mask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, first, mask|127), uint64(n))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, payload...)
}

func TestFramesBoundaries(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, why string
		stream    []byte
		atEnd     bool
		closed    bool
	}{
		{"empty", "before the first frame one may be inserted", nil, true, false},
		{"one byte of header", "the length is not known yet", []byte{0x82}, false, false},
		{"header without mask", "the masking key is part of the header", []byte{0x82, 0x81, 1, 2}, false, false},
		{"empty frame", "the header is the frame", frame(0x82, false, nil), true, false},
		{"empty masked frame", "the same, with a masking key", frame(0x81, true, nil), true, false},
		{"short", "7-bit length", frame(0x81, false, []byte("hello")), true, false},
		{"medium", "16-bit length", frame(0x82, true, make([]byte, 300)), true, false},
		{"long", "64-bit length", frame(0x82, false, make([]byte, 70000)), true, false},
		{"cut short", "a byte is missing", frame(0x82, false, make([]byte, 300))[:303], false, false},
		{"close", "nothing may follow a close frame", frame(finClose, false, []byte{3, 232}), true, true},
		{"close begun", "its header is enough", frame(finClose, false, []byte{3, 232})[:2], false, true},
		{"compressed", "RSV1 says permessage-deflate, not another opcode", frame(0xc1, true, []byte("x")), true, false},
		{"fragment", "a control frame may stand between fragments", frame(0x01, false, []byte("x")), true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{1, 2, 7, 1 << 20} {
				var f frames
				for rest := c.stream; len(rest) > 0; {
					n := min(step, len(rest))
					if _, err := f.skip(rest[:n]); err != nil {
						t.Fatalf("skip: %v", err)
					}
					rest = rest[n:]
				}
				if f.atBoundary() != c.atEnd || f.closed != c.closed {
					t.Errorf("by %d: atBoundary, closed = %v, %v, want %v, %v (%s)",
						step, f.atBoundary(), f.closed, c.atEnd, c.closed, c.why)
				}
			}
		})
	}
}

func TestFramesLimit(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, why string
		frame     []byte
		limit     uint64
		tooLong   bool
	}{
		{"at the limit", "at most means at most", frame(0x82, true, make([]byte, 200)), 200, false},
		{"one over", "", frame(0x82, true, make([]byte, 201)), 200, true},
		{"announced only", "the header is enough", frame(0x82, true, make([]byte, 70000))[:14], 200, true},
		{"no limit", "0 means any", frame(0x82, true, make([]byte, 70000)), 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := frames{limit: c.limit}
			_, err := f.skip(c.frame)
			var long *frameTooLongError
			if errors.As(err, &long) != c.tooLong {
				t.Errorf("skip = %v, want too long: %v (%s)", err, c.tooLong, c.why)
			}
		})
	}
	f := frames{}
	if _, err := f.skip([]byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}); !errors.Is(err, errFrameLength) {
		t.Errorf("skip(2^63) = %v, want %v", err, errFrameLength)
	}
}

// FuzzFrames compares bytes that arrive in pieces with the same bytes in one piece.
func FuzzFrames(f *testing.F) {
	f.Add(bytes.Join([][]byte{frame(0x81, true, []byte("a")), frame(finPing, false, nil)}, nil), uint8(1))
	f.Add(frame(0x82, false, make([]byte, 300)), uint8(5))
	f.Add([]byte{0x82, 127, 0x80}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		var whole, pieces frames
		end, wholeErr := whole.skip(stream)
		if end > len(stream) || wholeErr == nil && end == len(stream) != whole.atBoundary() && len(stream) > 0 {
			t.Fatalf("skip(%x) = %d, at boundary: %v", stream, end, whole.atBoundary())
		}
		var piecesErr error
		for rest := stream; len(rest) > 0 && piecesErr == nil; {
			n := min(int(step)+1, len(rest))
			_, piecesErr = pieces.skip(rest[:n])
			rest = rest[n:]
		}
		if (wholeErr == nil) != (piecesErr == nil) {
			t.Fatalf("skip(%x): %v in one piece, %v in pieces of %d", stream, wholeErr, piecesErr, int(step)+1)
		}
		if wholeErr == nil && whole != pieces {
			t.Fatalf("skip(%x) left %+v in one piece, %+v in pieces of %d", stream, whole, pieces, int(step)+1)
		}
	})
}
