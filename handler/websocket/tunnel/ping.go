package tunnel

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
)

// pingPayloadLength is the payload of our pings, in bytes.
const pingPayloadLength = 8

// pinger keeps the pings that go to one side, and takes the answers to them out of what that side sends.
type pinger struct {
	masked       bool // towards the application we are the client (RFC 6455, 5.3)
	payload      [pingPayloadLength]byte
	pending      atomic.Bool // a ping waits for a frame boundary
	awaitingPong atomic.Bool // a ping has gone out, and nothing has come back since

	frames        frames // of what the side sends
	partial       [maxHeaderLength + pingPayloadLength]byte
	partialLength uint8 // bytes of held: a frame that may be an answer, as far as it has come
}

func newPinger(masked bool) *pinger {
	p := &pinger{masked: masked}
	binary.NativeEndian.PutUint64(p.payload[:], rand.Uint64())
	return p
}

// frame is the frame to send.
func (p *pinger) frame() []byte {
	if !p.masked {
		return append([]byte{finPing, pingPayloadLength}, p.payload[:]...)
	}
	return maskedFrame(finPing, p.payload[:])
}

// maskedFrame is a control frame to the application (RFC 6455, 5.3).
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

// pongMatch says whether a frame is an answer to one of our pings.
type pongMatch uint8

const (
	incompleteFrame pongMatch = iota
	otherFrame
	ownPong
)

// match looks at the beginning of a frame. The length is that of the frame if it is ours.
func (p *pinger) match(b []byte) (pongMatch, int) {
	if b[0] != finPong || len(b) > 1 && b[1]&0x7f != pingPayloadLength {
		return otherFrame, 0
	}
	if len(b) < 2 {
		return incompleteFrame, 0
	}
	header := headerLength(b[1])
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

// removePongs takes our answers out of a chunk, in place. What goes on is first before, kept back from earlier chunks, then rest.
func (p *pinger) removePongs(chunk []byte) (before, rest []byte, err error) {
	at, before, err := p.completePartial(chunk)
	if err != nil || p.partialLength > 0 {
		return before, nil, err
	}
	from, to := at, at
	for at < len(chunk) {
		if p.frames.atBoundary() {
			switch found, length := p.match(chunk[at:]); found {
			case ownPong:
				at += length
				continue
			case incompleteFrame:
				p.partialLength = uint8(copy(p.partial[:], chunk[at:]))
				return before, chunk[from:to], nil
			}
		}
		n, err := p.frames.advance(chunk[at:])
		if to != at {
			copy(chunk[to:], chunk[at:at+n])
		}
		at, to = at+n, to+n
		if err != nil {
			return before, chunk[from:to], err
		}
	}
	return before, chunk[from:to], nil
}

// completePartial goes on with the frame that was kept back. It returns how much of the chunk belongs to it.
func (p *pinger) completePartial(chunk []byte) (n int, before []byte, err error) {
	for p.partialLength > 0 && n < len(chunk) {
		p.partial[p.partialLength] = chunk[n]
		p.partialLength++
		n++
		switch found, _ := p.match(p.partial[:p.partialLength]); found {
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
