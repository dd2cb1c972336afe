package stamp

import (
	"errors"
	"io"
	"net/http"
	"net/url"
)

// The memory of one page: what is held until it is decided, what waits to be written, and a value that is being decoded
// come to no more than 64 KB.
const (
	// maxHeld is the longest tag that is looked at. Longer ones pass.
	maxHeld   = 32 << 10
	maxWindow = 4 << 10  // how much is looked at beside what is held
	maxReady  = 4 << 10  // how much is gathered before it is written
	maxRested = 16 << 10 // how much memory of what was held stays for what will be
)

// Page rewrites HTML that is written to it. It withholds only what it cannot decide yet, and no more than a tag.
type Page struct {
	stamper *Stamper
	out     io.Writer
	err     error
	ready   []byte // changed, and to be written
	held    []byte // the beginning of something whose end has not come

	mode    mode
	scanned int // how much of what the mode is at was looked at already
	tag     tagEnd
	long    element // whose tag passes
	longEnd bool
	comment comment
	raw     raw

	base      location
	based     bool // there was a base element
	templates int  // how many template elements are open
	foreign   foreign

	from   int // in the data of the current step: what is before it is written
	memory scratch
	value  value
	attributes
}

// Page begins the page that is served at a URL. What is written to it goes to out, in order.
func (s *Stamper) Page(out io.Writer, at *url.URL) *Page {
	return &Page{stamper: s, out: out, base: locationOf(at)}
}

// Write takes the next part of the page. It keeps nothing of data.
func (p *Page) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0 && p.err == nil; {
		if len(p.held) == 0 {
			if cap(p.held) > maxRested {
				p.held = nil
			}
			done := p.step(rest, false)
			p.hold(rest[done:])
			break
		}
		rest = p.continueHeld(rest)
	}
	p.writeReady()
	if p.err != nil {
		return 0, p.err
	}
	return len(data), nil
}

// continueHeld looks at what is held with a little more, and returns what has not been looked at. As soon as nothing of
// what was held is left, there is no need to copy any more.
func (p *Page) continueHeld(data []byte) []byte {
	window := min(len(data), maxWindow)
	p.hold(data[:window])
	done := p.step(p.held, false)
	left := len(p.held) - done
	if left <= window {
		p.held = p.held[:0]
		return data[window-left:]
	}
	if done > 0 {
		p.held = p.held[:copy(p.held, p.held[done:])]
	}
	return data[window:]
}

// hold adds to what is held, in memory that grows up to its bound.
func (p *Page) hold(data []byte) {
	if needed := len(p.held) + len(data); needed > cap(p.held) {
		grown := make([]byte, len(p.held), max(needed, min(2*needed, maxHeld+maxWindow), 1<<10))
		copy(grown, p.held)
		p.held = grown
	}
	p.held = append(p.held, data...)
}

// Flush passes a flush on. All that can be decided was written before.
func (p *Page) Flush() error {
	if p.err != nil {
		return p.err
	}
	switch out := p.out.(type) {
	case interface{ FlushError() error }:
		return out.FlushError()
	case http.Flusher:
		out.Flush()
	}
	return nil
}

var errClosed = errors.New("the page was closed")

// Close writes what was held: the page ends here. It does not close what it writes to.
func (p *Page) Close() error {
	if errors.Is(p.err, errClosed) {
		return nil
	}
	if p.err == nil {
		p.step(p.held, true)
		p.writeReady()
	}
	if p.err != nil {
		return p.err
	}
	p.err = errClosed
	return nil
}

// step goes through data and returns how much of it is done with. Final: nothing follows, and all is done.
func (p *Page) step(data []byte, final bool) int {
	p.from = 0
	i := 0
	for i < len(data) && p.err == nil {
		next, decided := p.next(data, i, final)
		i = next
		if !decided {
			break
		}
	}
	p.pass(data, i)
	return i
}

// pass writes data as it is, up to end.
func (p *Page) pass(data []byte, end int) {
	if end > p.from {
		p.emit(data[p.from:end])
		p.from = end
	}
}

// replace writes something else in place of a part of data.
func (p *Page) replace(data []byte, start, end int, with []byte) {
	p.pass(data, start)
	p.emit(with)
	p.from = end
}

// emit gathers small parts, so that each reference does not become two writes.
func (p *Page) emit(data []byte) {
	if len(p.ready)+len(data) > maxReady {
		p.writeReady()
	}
	if len(p.ready) == 0 && len(data) > maxReady/2 {
		p.write(data)
		return
	}
	if p.ready == nil {
		p.ready = make([]byte, 0, maxReady)
	}
	p.ready = append(p.ready, data...)
}

func (p *Page) writeReady() {
	if len(p.ready) > 0 {
		p.write(p.ready)
		p.ready = p.ready[:0]
	}
}

func (p *Page) write(data []byte) {
	if p.err != nil {
		return
	}
	written, err := p.out.Write(data)
	if err == nil && written < len(data) {
		err = io.ErrShortWrite
	}
	p.err = err
}
