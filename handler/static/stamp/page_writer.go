package stamp

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// These constants bound the memory of one page to 64 KB: the held bytes, the gathered output and a decoded attribute value. Pages
// with preloads take up to 64 KB more.
const (
	maxWindow   = 4 << 10  // how many new bytes are scanned together with the held ones
	maxGathered = 4 << 10  // how many bytes are gathered for one write
	maxIdleHeld = 16 << 10 // how much memory for held bytes survives while nothing is held
)

// PageWriter rewrites the HTML that is written to it. It withholds only bytes that it cannot decide yet: at most one tag, and what
// follows a preload until its user comes.
type PageWriter struct {
	rewriter *Rewriter
	out      io.Writer
	err      error
	gathered []byte // output for the next write
	held     []byte // the beginning of a construct whose end has not come

	scanner     markup.Scanner
	base        location
	hasBase     bool // a base element was seen
	ignoresMeta bool // see IgnoreMeta

	preloads preloads

	written int // in the data of the current step: bytes before it are written
	memory  scratch
}

// PageWriter returns a writer for the page that is served at a URL. The rewritten page is written to out.
func (r *Rewriter) PageWriter(out io.Writer, at *url.URL) *PageWriter {
	return &PageWriter{rewriter: r, out: out, base: r.locationOfPage(at)}
}

// Write takes the next part of the page. It keeps nothing of data.
func (p *PageWriter) Write(data []byte) (int, error) {
	for rest := data; len(rest) > 0 && p.err == nil; {
		if len(p.held) == 0 {
			if cap(p.held) > maxIdleHeld {
				p.held = nil
			}
			done := p.step(rest, false)
			p.hold(rest[done:])
			break
		}
		rest = p.continueHeld(rest)
	}
	p.writeGathered()
	if p.err != nil {
		return 0, p.err
	}
	return len(data), nil
}

// continueHeld scans the held bytes together with a window of data, and returns the bytes of data that were not scanned. Once
// none of the held bytes are left, the rest of data needs no copy.
func (p *PageWriter) continueHeld(data []byte) []byte {
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

// hold appends to the held bytes. Their memory doubles up to its bound.
func (p *PageWriter) hold(data []byte) {
	if needed := len(p.held) + len(data); needed > cap(p.held) {
		grown := make([]byte, len(p.held), max(needed, min(2*needed, markup.MaxTag+maxWindow), 1<<10))
		copy(grown, p.held)
		p.held = grown
	}
	p.held = append(p.held, data...)
}

// Flush writes what waits for the user of a preload, and flushes the writer below. Decided bytes have already been written to it.
func (p *PageWriter) Flush() error {
	p.release()
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

var errClosed = errors.New("page writer is closed")

// Close ends the page and writes the held bytes. It does not close the writer below.
func (p *PageWriter) Close() error {
	if errors.Is(p.err, errClosed) {
		return nil
	}
	if p.err == nil {
		p.step(p.held, true)
		p.writeGathered()
		p.release()
	}
	if p.err != nil {
		return p.err
	}
	p.err = errClosed
	return nil
}

// step rewrites data and returns how many bytes of it are decided. If final is true, nothing follows and all are decided.
func (p *PageWriter) step(data []byte, final bool) int {
	p.written = 0
	i := 0
	for i < len(data) && p.err == nil {
		next, tag, decided := p.scanner.Next(data, i, final)
		if tag != nil {
			p.rewriteTag(tag, data)
			p.releaseDecided()
		}
		i = next
		if !decided {
			break
		}
	}
	p.pass(data, i)
	return i
}

// pass writes data unchanged, up to end.
func (p *PageWriter) pass(data []byte, end int) {
	if end > p.written {
		p.emit(data[p.written:end])
		p.written = end
	}
}

// apply writes data up to an edit, and then the edit's text.
func (p *PageWriter) apply(data []byte, e edit) {
	p.pass(data, e.start)
	p.emit(e.with)
	p.written = e.end
}

// emit gathers small parts, so that a reference does not cause two writes.
func (p *PageWriter) emit(data []byte) {
	if len(p.gathered)+len(data) > maxGathered {
		p.writeGathered()
	}
	if len(p.gathered) == 0 && len(data) > maxGathered/2 {
		p.write(data)
		return
	}
	if p.gathered == nil {
		p.gathered = make([]byte, 0, maxGathered)
	}
	p.gathered = append(p.gathered, data...)
}

func (p *PageWriter) writeGathered() {
	if len(p.gathered) > 0 {
		gathered := p.gathered
		p.gathered = p.gathered[:0] // write may come here again
		p.write(gathered)
	}
}

func (p *PageWriter) write(data []byte) {
	if p.err != nil || len(data) == 0 {
		return
	}
	if len(p.preloads.optionals) > 0 {
		if p.preloads.inTag || len(p.preloads.pending)+len(data) <= maxPending {
			p.preloads.pending = append(p.preloads.pending, data...)
			return
		}
		p.release()
	}
	written, err := p.out.Write(data)
	if err == nil && written < len(data) {
		err = io.ErrShortWrite
	}
	p.err = err
}
