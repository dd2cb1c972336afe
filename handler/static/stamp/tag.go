package stamp

import "bytes"

// tagEnd finds the ">" that ends a tag, which may come in pieces (HTML, 13.2.5.8 and what follows it).
type tagEnd struct{ state tagState }

type tagState byte

const (
	tagName tagState = iota
	beforeAttribute
	inAttributeName
	afterAttribute
	beforeValue
	doubleQuoted
	singleQuoted
	unquoted
)

// find returns the length up to the end of the tag, with its ">", or -1.
func (t *tagEnd) find(data []byte) int {
	if t.state == tagName {
		// Most tags hold no quotes: then the first ">" is the end.
		if end := bytes.IndexByte(data, '>'); end >= 0 && bytes.IndexByte(data[:end], '=') < 0 {
			return end + 1
		}
	}
	for i := 0; i < len(data); i++ {
		switch t.state {
		case doubleQuoted, singleQuoted:
			quote := byte('"')
			if t.state == singleQuoted {
				quote = '\''
			}
			end := bytes.IndexByte(data[i:], quote)
			if end < 0 {
				return -1
			}
			i += end
			t.state = beforeAttribute
		default:
			if data[i] == '>' {
				return i + 1
			}
			t.state = t.state.after(data[i])
		}
	}
	return -1
}

// after is the state behind a byte that is outside of quotes and not ">".
func (s tagState) after(c byte) tagState {
	switch {
	case isBlank(c):
		switch s {
		case inAttributeName:
			return afterAttribute
		case afterAttribute, beforeValue:
			return s
		}
		return beforeAttribute
	case s == unquoted:
		return unquoted
	case s == beforeValue:
		switch c {
		case '"':
			return doubleQuoted
		case '\'':
			return singleQuoted
		}
		return unquoted
	case c == '/':
		return beforeAttribute
	case c == '=' && (s == inAttributeName || s == afterAttribute):
		return beforeValue
	case s == tagName:
		return tagName
	}
	return inAttributeName
}

// inTag finds the end of a tag and does what it asks for.
func (p *Page) inTag(data []byte, i int, final bool) (int, bool) {
	length := p.tag.find(data[i+p.scanned:])
	if length < 0 {
		p.scanned = len(data) - i
		switch {
		case p.mode == inLongTag, final:
			p.scanned = 0
			return len(data), true
		case p.scanned <= maxHeld:
			return i, false
		}
		p.longTag(data[i:])
		return len(data), true
	}
	end := i + p.scanned + length
	switch {
	case p.mode == inLongTag:
		p.afterLongTag()
	case end-i > maxHeld:
		p.longTag(data[i:end])
		p.afterLongTag()
	default:
		p.enter(inText)
		p.wholeTag(data, i, end)
	}
	return end, true
}

// wholeTag is for a tag that stands in data from i to end.
func (p *Page) wholeTag(data []byte, i, end int) {
	if data[i+1] == '/' {
		if len(p.foreign.open) > 0 || p.templates > 0 {
			p.endTag(elementOf(data[i+2 : end]))
		}
		return
	}
	p.startTag(elementOf(data[i+1:end]), data, i, end)
}

// longTag is for a tag that is too long to be held: it passes, but what follows it depends on its name.
func (p *Page) longTag(tag []byte) {
	p.enter(inLongTag)
	p.longEnd = tag[1] == '/'
	if p.longEnd {
		tag = tag[1:]
	}
	p.long = elementOf(tag[1:])
}

func (p *Page) afterLongTag() {
	p.enter(inText)
	if p.longEnd {
		p.endTag(p.long)
		return
	}
	p.attributes.forget()
	p.foreign.start(p.long, false, false)
	p.contents(p.long & itself)
}
