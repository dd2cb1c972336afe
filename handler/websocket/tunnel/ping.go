package tunnel

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// pingPayloadLength is the length of a ping's payload in bytes.
const pingPayloadLength = 8

// pinger creates the pings to one side, and removes the matching pongs from what that side sends.
type pinger struct {
	masked       bool // the tunnel is the application's client (RFC 6455, 5.3)
	payload      [pingPayloadLength]byte
	pending      atomic.Bool // a ping waits for a frame boundary
	awaitingPong atomic.Bool // a ping was sent, and nothing has come back since
	// ahead is how many earlier bytes may stand before the ping in the kernel's send queue. Once awaitingPong is set, only the
	// inspection changes it.
	ahead atomic.Int64

	frames        frames // frames that the side sends
	partial       [sockets.MaxHeaderLength + pingPayloadLength]byte
	partialLength uint8 // length of partial, the start of a frame that may be a pong
}

func newPinger(masked bool) *pinger {
	p := &pinger{masked: masked}
	binary.NativeEndian.PutUint64(p.payload[:], rand.Uint64())
	return p
}

// frame returns a ping.
func (p *pinger) frame() []byte {
	if !p.masked {
		return append([]byte{finPing, pingPayloadLength}, p.payload[:]...)
	}
	return maskedFrame(finPing, p.payload[:])
}

// maskedFrame returns a control frame to the application (RFC 6455, 5.3).
func maskedFrame(first byte, payload []byte) []byte {
	var mask [4]byte
	binary.NativeEndian.PutUint32(mask[:], rand.Uint32())
	frame := append(make([]byte, 0, 2+4+len(payload)), first, 0x80|byte(len(payload)))
	frame = append(frame, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	return frame
}

// blocked reports whether a ping waits in the kernel behind bytes that the side has not acknowledged.
func (p *pinger) blocked() bool { return p != nil && p.awaitingPong.Load() && p.ahead.Load() > 0 }

// taken records that the kernel's send queue has changed from last to queued bytes. Bytes that were written after the ping may
// hide bytes that were taken, so ahead may be too large, and blocked true for too long.
func (p *pinger) taken(last, queued int) {
	p.ahead.Store(int64(min(int(p.ahead.Load())-max(last-queued, 0), queued)))
}

// pongMatch is the result of comparing a frame with the expected pong.
type pongMatch uint8

const (
	incompleteFrame pongMatch = iota
	otherFrame
	ownPong
)

// match compares the beginning of a frame with the expected pong. length is the frame's length for ownPong.
func (p *pinger) match(b []byte) (pongMatch, int) {
	if b[0] != finPong || len(b) > 1 && b[1]&0x7f != pingPayloadLength {
		return otherFrame, 0
	}
	if len(b) < 2 {
		return incompleteFrame, 0
	}
	header := sockets.HeaderLength(b[1])
	if len(b) < header+pingPayloadLength {
		return incompleteFrame, 0
	}
	for i, want := range p.payload {
		got := b[header+i]
		if header > 2 {
			got ^= b[2+i%4]
		}
		if got != want {
			return otherFrame, 0
		}
	}
	return ownPong, header + pingPayloadLength
}

// removePongs removes matching pongs from a chunk, in place. The caller must forward before, which was held back from earlier
// chunks, and then rest.
func (p *pinger) removePongs(chunk []byte) (before, rest []byte, err error) {
	pos, before, err := p.completePartial(chunk)
	if err != nil || p.partialLength > 0 {
		return before, nil, err
	}
	from, to := pos, pos
	for pos < len(chunk) {
		if p.frames.atBoundary() {
			switch result, length := p.match(chunk[pos:]); result {
			case ownPong:
				pos += length
				continue
			case incompleteFrame:
				p.partialLength = uint8(copy(p.partial[:], chunk[pos:]))
				return before, chunk[from:to], nil
			}
		}
		n, err := p.frames.advance(chunk[pos:])
		if to != pos {
			copy(chunk[to:], chunk[pos:pos+n])
		}
		pos, to = pos+n, to+n
		if err != nil {
			return before, chunk[from:to], err
		}
	}
	return before, chunk[from:to], nil
}

// completePartial continues with the frame that was held back. It returns how many bytes of the chunk belong to that frame.
func (p *pinger) completePartial(chunk []byte) (n int, before []byte, err error) {
	for p.partialLength > 0 && n < len(chunk) {
		p.partial[p.partialLength] = chunk[n]
		p.partialLength++
		n++
		switch result, _ := p.match(p.partial[:p.partialLength]); result {
		case ownPong:
			p.partialLength = 0
		case otherFrame:
			before = append(before, p.partial[:p.partialLength]...)
			p.partialLength = 0
			_, err = p.frames.skip(before)
		}
	}
	return n, before, err
}
