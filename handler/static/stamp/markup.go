package stamp

import "bytes"

// mode is what the page is at (HTML, 13.2.5).
type mode byte

const (
	inText    mode = iota
	inMarkup       // at a "<", which may begin many things
	inTag          // held up to its end
	inLongTag      // passes
	inBogus        // up to the next ">": doctypes, instructions, comments that are none
	inComment      //
	inCDATA        // in svg and math alone
	inRaw          // what stands in elements such as title and script passes
	inPlain        // nothing is markup any more
)

// next goes on from i by one construct. Not decided: what begins at i depends on what follows.
func (p *Page) next(data []byte, i int, final bool) (int, bool) {
	switch p.mode {
	case inText:
		return p.text(data, i), true
	case inMarkup:
		return p.markup(data, i, final)
	case inTag, inLongTag:
		return p.inTag(data, i, final)
	case inBogus:
		return p.until(data, i, ">", final)
	case inComment:
		return p.inComment(data, i), true
	case inCDATA:
		return p.until(data, i, "]]>", final)
	case inRaw:
		return p.inRaw(data, i, final)
	default:
		return len(data), true
	}
}

func (p *Page) enter(m mode) {
	p.mode, p.scanned = m, 0
}

func (p *Page) text(data []byte, i int) int {
	start := bytes.IndexByte(data[i:], '<')
	if start < 0 {
		return len(data)
	}
	p.enter(inMarkup)
	return i + start
}

// markup tells what a "<" begins.
func (p *Page) markup(data []byte, i int, final bool) (int, bool) {
	rest := data[i:]
	if final && len(rest) < 3 {
		p.enter(inText)
		return len(data), true
	}
	switch {
	case len(rest) < 2:
		return i, false
	case isLetter(rest[1]):
		p.enter(inTag)
		p.tag = tagEnd{}
		return i, true
	case rest[1] == '/':
		return p.endMarkup(data, i)
	case rest[1] == '!':
		return p.declaration(data, i, final)
	case rest[1] == '?':
		p.enter(inBogus)
		return i + 2, true
	}
	p.enter(inText)
	return i + 1, true
}

func (p *Page) endMarkup(data []byte, i int) (int, bool) {
	rest := data[i:]
	switch {
	case len(rest) < 3:
		return i, false
	case isLetter(rest[2]):
		p.enter(inTag)
		p.tag = tagEnd{}
		return i, true
	case rest[2] == '>':
		p.enter(inText)
		return i + 3, true
	}
	p.enter(inBogus)
	return i + 2, true
}

func (p *Page) declaration(data []byte, i int, final bool) (int, bool) {
	rest := data[i:]
	const comment, cdata = "<!--", "<![CDATA["
	switch {
	case bytes.HasPrefix(rest, []byte(comment)):
		p.enter(inComment)
		p.comment.begin()
		return i + len(comment), true
	case p.foreign.inside() && bytes.HasPrefix(rest, []byte(cdata)):
		p.enter(inCDATA)
		return i + len(cdata), true
	case !final && (beginsWith(comment, rest) || beginsWith(cdata, rest)):
		return i, false
	}
	p.enter(inBogus)
	return i + 2, true
}

// beginsWith reports whether more could make the text the word.
func beginsWith(word string, text []byte) bool {
	return len(text) < len(word) && word[:len(text)] == string(text)
}

// until passes up to an end mark, and back to text.
func (p *Page) until(data []byte, i int, mark string, final bool) (int, bool) {
	if end := bytes.Index(data[i:], []byte(mark)); end >= 0 {
		p.enter(inText)
		return i + end + len(mark), true
	}
	if final || len(mark) == 1 {
		return len(data), true
	}
	// What could be the beginning of the mark waits.
	last := max(i, len(data)-len(mark)+1)
	for last < len(data) && !beginsWith(mark, data[last:]) {
		last++
	}
	return last, last == len(data)
}

func (p *Page) inComment(data []byte, i int) int {
	for ; i < len(data); i++ {
		if p.comment.dashes == 0 && !p.comment.bang {
			dash := bytes.IndexByte(data[i:], '-')
			if dash < 0 {
				p.comment.fresh = 0
				return len(data)
			}
			i += dash
		}
		if p.comment.ends(data[i]) {
			p.enter(inText)
			return i + 1
		}
	}
	return i
}

// comment finds the end of a comment: "-->" or "--!>", or a ">" right at the beginning.
type comment struct {
	dashes int // how many were just seen; more than two are two
	fresh  int // how many of them are those of the beginning, which "!" does not follow
	bang   bool
}

func (c *comment) begin() { *c = comment{dashes: 2, fresh: 2} }

func (c *comment) ends(b byte) bool {
	switch {
	case b == '>' && (c.bang || c.dashes == 2):
		return true
	case b == '-' && c.bang:
		*c = comment{dashes: 1}
	case b == '-':
		c.dashes, c.fresh = min(c.dashes+1, 2), max(c.fresh-1, 0)
	case b == '!' && c.dashes == 2 && c.fresh == 0:
		*c = comment{bang: true}
	default:
		*c = comment{}
	}
	return false
}
