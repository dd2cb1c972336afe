package sockets

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		stream    []byte
		boundary  bool
		code      Code
	}{
		{"nothing", "before the first frame is between frames", nil, true, CodeAbnormal},
		{"text", "7 bits of length", frame(1, []byte("hello")), true, CodeAbnormal},
		{"empty", "no payload at all", frame(1, nil), true, CodeAbnormal},
		{"16 bits", "126 announces them", frame(2, make([]byte, 126)), true, CodeAbnormal},
		{"64 bits", "127 announces them", frame(2, make([]byte, 1<<16)), true, CodeAbnormal},
		{"masked", "a client's", masked(1, []byte("hello")), true, CodeAbnormal},
		{"masked and empty", "the mask is there all the same", masked(9, nil), true, CodeAbnormal},
		{"half a header", "", frame(2, make([]byte, 200))[:3], false, CodeAbnormal},
		{"header alone", "the payload is still to come", frame(2, make([]byte, 200))[:4], false, CodeAbnormal},
		{"header and mask of an empty frame", "one byte short", masked(1, nil)[:5], false, CodeAbnormal},
		{"one byte short", "", frame(2, make([]byte, 200))[:203], false, CodeAbnormal},
		{"fragment", "a control frame may follow (RFC 6455, 5.4)", []byte{0x01, 1, 'a'}, true, CodeAbnormal},
		{"length that cannot be", "the first bit must be 0", []byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, false, CodeAbnormal},
		{"Close", "", closeFrame(4401, "gone"), true, 4401},
		{"client's Close", "unmasked", maskedClose(1001, ""), true, CodeGoingAway},
		{"Close without a code", "", frame(opcodeClose, nil), true, CodeNoStatus},
		{"Close with half a code", "malformed, and no code", frame(opcodeClose, []byte{3}), true, CodeNoStatus},
		{"half a Close", "it has not gone by", closeFrame(4401, "gone")[:5], false, CodeAbnormal},
		{"two Closes", "the first counts", append(closeFrame(4401, ""), closeFrame(4403, "")...), true, 4401},
		{"Close behind data", "", append(frame(1, []byte{0x88, 2, 3, 232}), closeFrame(4408, "")...), true, 4408},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var f frames
			f.advance(c.stream)
			if f.atBoundary() != c.boundary || f.closeCode() != c.code {
				t.Errorf("advance(%x): boundary %v, code %d, want %v, %d (%s)",
					c.stream, f.atBoundary(), f.closeCode(), c.boundary, c.code, c.why)
			}
		})
	}
}

func TestToBoundary(t *testing.T) {
	t.Parallel()
	stream := append(frame(2, make([]byte, 300)), frame(1, []byte("next"))...)
	var f frames
	f.advance(stream[:10])
	if n := f.advanceToBoundary(stream[10:]); n != 304-10 || !f.atBoundary() {
		t.Errorf("toBoundary = %d, boundary %v, want the %d bytes that end the frame", n, f.atBoundary(), 304-10)
	}
	if n := f.advanceToBoundary(stream[304:307]); n != 3 || f.atBoundary() {
		t.Errorf("toBoundary = %d, boundary %v, want all of a frame that goes on", n, f.atBoundary())
	}
}

// FuzzFrames cuts bytes in different ways. The boundaries and the code must be equal, and advanceToBoundary must find each
// boundary that single bytes find.
func FuzzFrames(f *testing.F) {
	f.Add(append(append(frame(1, []byte("hello")), frame(2, make([]byte, 300))...), closeFrame(4401, "gone")...), uint8(1))
	f.Add(frame(2, make([]byte, 700)), uint8(7))
	f.Add(append(masked(1, []byte("hello")), maskedClose(1000, "bye")...), uint8(2))
	f.Add([]byte{0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8) {
		if len(stream) > 4096 {
			return
		}
		var whole, pieces, single, jumping frames
		whole.advance(stream)
		for rest := stream; len(rest) > 0; {
			n := min(len(rest), int(cut)+1)
			pieces.advance(rest[:n])
			rest = rest[n:]
		}
		if whole != pieces {
			t.Fatalf("%x in pieces of %d: %+v, in one: %+v", stream, int(cut)+1, pieces, whole)
		}
		var boundaries, jumps []int
		for i := range stream {
			if single.advance(stream[i : i+1]); single.atBoundary() {
				boundaries = append(boundaries, i+1)
			}
		}
		for at := 0; at < len(stream); {
			if at += jumping.advanceToBoundary(stream[at:]); jumping.atBoundary() {
				jumps = append(jumps, at)
			}
		}
		if len(boundaries) != len(jumps) || len(jumps) > 0 && jumps[len(jumps)-1] != boundaries[len(boundaries)-1] {
			t.Fatalf("%x: toBoundary stops at %v, want %v", stream, jumps, boundaries)
		}
	})
}

func TestCloseFrame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why string
		code      Code
		reason    string
		wantCode  Code
		want      string
	}{
		{"plain", "", 4401, "the key ended", 4401, "the key ended"},
		{"no reason", "it may be left out", CodeGoingAway, "", CodeGoingAway, ""},
		{"as long as fits", "125 bytes with the code", 4403, strings.Repeat("x", 123), 4403, strings.Repeat("x", 123)},
		{"too long", "", 4403, strings.Repeat("x", 124), 4403, strings.Repeat("x", 123)},
		{"cut in a character", "the reason is UTF-8", 4403, strings.Repeat("€", 42), 4403, strings.Repeat("€", 41)},
		{"cut in a pair", "", 4403, "x" + strings.Repeat("ü", 70), 4403, "x" + strings.Repeat("ü", 61)},
		{"no UTF-8", "a browser fails the connection over it", 4403, "a\xffb", 4403, "ab"},
		{"code that is never sent", "RFC 6455, 7.4.1", CodeAbnormal, "lost", CodeNoStatus, ""},
		{"no code", "the zero value", 0, "nothing", CodeNoStatus, ""},
		{"code out of range", "", 5000, "nothing", CodeNoStatus, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			encoded := closeFrame(c.code, c.reason)
			var f frames
			f.advance(encoded)
			if reason := string(encoded[min(4, len(encoded)):]); f.closeCode() != c.wantCode || reason != c.want || !f.atBoundary() {
				t.Errorf("closeFrame(%d, %q) = %d %q, want %d %q (%s)",
					c.code, c.reason, f.closeCode(), reason, c.wantCode, c.want, c.why)
			}
		})
	}
}

// FuzzCloseFrame checks that browsers accept the frame for any reason: one control frame, valid UTF-8, at most 125 bytes, and
// the beginning of a valid reason.
func FuzzCloseFrame(f *testing.F) {
	f.Add(uint16(4401), "the key ended")
	f.Add(uint16(1005), strings.Repeat("€", 100))
	f.Add(uint16(1001), "a\xff"+strings.Repeat("\xf0\x9f\x8e\xad", 40))
	f.Fuzz(func(t *testing.T, code uint16, reason string) {
		encoded := closeFrame(Code(code), reason)
		var followed frames
		followed.advance(encoded)
		if !followed.atBoundary() || !followed.closed || len(encoded) > 127 || followed.advanceToBoundary(encoded) != len(encoded) {
			t.Fatalf("closeFrame(%d, %q) = %x: no single Close frame", code, reason, encoded)
		}
		if !Code(code).Sendable() {
			return
		}
		sent := encoded[4:]
		if followed.closeCode() != Code(code) || !utf8.Valid(sent) ||
			utf8.ValidString(reason) && !bytes.HasPrefix([]byte(reason), sent) {
			t.Fatalf("closeFrame(%d, %q) = %d %q", code, reason, followed.closeCode(), sent)
		}
	})
}

func TestHead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, why, head string
		status          int
	}{
		{"101", "", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", 101},
		{"without fields", "", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 101},
		{"refusal", "", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403},
		{"interim", "it is not the answer", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 101 x\r\nA: b\r\n\r\n", 101},
		{"bare CR", "ends no line", "HTTP/1.1 101 x\r\nA: \r\r\nB: c\r\n\r\n", 101},
	} {
		for cut := 1; cut <= len(c.head); cut++ {
			h := head{active: true}
			stream := []byte(c.head + "frames")
			n := h.skip(stream[:cut])
			if h.active {
				n += h.skip(stream[n:])
			}
			if n != len(c.head) || h.active || h.status != c.status {
				t.Errorf("%s, cut at %d: skipped %d, %+v, want %d and %d (%s)", c.name, cut, n, h, len(c.head), c.status, c.why)
			}
		}
	}
}
