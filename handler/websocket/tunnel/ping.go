package tunnel

import (
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
)

// tokenLength is the payload of our pings, in bytes.
const tokenLength = 8

// prober keeps the pings that go to one side, and takes the answers to them out of what that side sends.
type prober struct {
	masked bool // towards the application we are the client (RFC 6455, 5.3)
	token  [tokenLength]byte
	due    atomic.Bool // a ping waits for a frame boundary
	sent   atomic.Bool // a ping has gone out, and nothing has come back since

	frames frames // of what the side sends
	held   [maxHeader + tokenLength]byte
	have   uint8 // bytes of held: a frame that may be an answer, as far as it has come
}

func newProber(masked bool) *prober {
	p := &prober{masked: masked}
	binary.NativeEndian.PutUint64(p.token[:], rand.Uint64())
	return p
}

// ping is the frame to send.
func (p *prober) ping() []byte {
	if !p.masked {
		return append([]byte{finPing, tokenLength}, p.token[:]...)
	}
	return maskedFrame(finPing, p.token[:])
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

// verdict says whether a frame is an answer to one of our pings.
type verdict uint8

const (
	undecided verdict = iota
	foreign
	ours
)

// judge looks at the beginning of a frame. The length is that of the frame if it is ours.
func (p *prober) judge(b []byte) (verdict, int) {
	if b[0] != finPong || len(b) > 1 && b[1]&0x7f != tokenLength {
		return foreign, 0
	}
	if len(b) < 2 {
		return undecided, 0
	}
	header := headerLength(b[1])
	if len(b) < header+tokenLength {
		return undecided, 0
	}
	for i, want := range p.token {
		got := b[header+i]
		if header > 2 {
			got ^= b[2+i%4]
		}
		if got != want {
			return foreign, 0
		}
	}
	return ours, header + tokenLength
}

// strip takes our answers out of a chunk, in place. What goes on is first before, kept back from earlier chunks, then rest.
func (p *prober) strip(chunk []byte) (before, rest []byte, err error) {
	at, before, err := p.resolveHeld(chunk)
	if err != nil || p.have > 0 {
		return before, nil, err
	}
	from, to := at, at
	for at < len(chunk) {
		if p.frames.atBoundary() {
			switch found, length := p.judge(chunk[at:]); found {
			case ours:
				at += length
				continue
			case undecided:
				p.have = uint8(copy(p.held[:], chunk[at:]))
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

// resolveHeld goes on with the frame that was kept back. It returns how much of the chunk belongs to it.
func (p *prober) resolveHeld(chunk []byte) (n int, before []byte, err error) {
	for p.have > 0 && n < len(chunk) {
		p.held[p.have] = chunk[n]
		p.have++
		n++
		switch found, _ := p.judge(p.held[:p.have]); found {
		case ours:
			p.have = 0
		case foreign:
			before = append(before, p.held[:p.have]...)
			p.have = 0
			_, err = p.frames.skip(before)
		}
	}
	return n, before, err
}
