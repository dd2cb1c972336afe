package markup

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// tagEnd finds the ">" that ends a tag. The tag may come in pieces (HTML, 13.2.5.8 to 13.2.5.40).
type tagEnd struct{ state tagState }

type tagState byte

const (
	inTagName tagState = iota
	beforeAttribute
	inAttributeName
	afterAttribute
	beforeValue
	doubleQuoted
	singleQuoted
	unquoted
)

// find returns the length of data up to and including the ">" that ends the tag, or -1.
func (t *tagEnd) find(data []byte) int {
	if t.state == inTagName {
		// A tag without "=" has no quoted values: the first ">" is its end. Most end tags are found here.
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

// after returns the state after a byte that is not quoted and not ">".
func (s tagState) after(c byte) tagState {
	switch {
	case ascii.IsSpace(c):
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
	case s == inTagName:
		return inTagName
	}
	return inAttributeName
}
