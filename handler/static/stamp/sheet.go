package stamp

import "bytes"

// maxToken is the longest token of CSS that is held to see what it is. Longer ones, such as images written out in a
// data: URL, pass.
const maxToken = maxReference + 256

// sheet finds references in CSS, which may come in pieces (CSS Syntax, 4.3). The zero value is at the beginning.
type sheet struct {
	// within is what is being passed over up to its end: '*' a comment, a quote a string, ')' a URL.
	within byte
	// inName: what comes next continues a name, and begins none.
	inName  bool
	prelude prelude
	// nesting are the brackets and functions that are open, as far as they fit; beyond are counted.
	nesting [32]byte
	depth   int
	beyond  int
}

// prelude is the part of an at-rule before its block.
type prelude byte

const (
	noPrelude     prelude = iota
	importPrelude         // the first string or url() is a style sheet
	pagePrelude           // url() is no resource: it names a namespace, or pages
)

// What may be open, beside '(', '[' and '{'.
const (
	urlFunction = 'u' // its first string is a URL
	imageSet    = 'i' // its strings are URLs
)

// find returns where the next reference stands, and how many bytes are done with; start and end are the same where these
// hold none. The rest is to be given again, with what follows it.
func (s *sheet) find(data []byte, final bool) (start, end, done int) {
	for i := 0; i < len(data); {
		length, reference := s.token(data[i:], final)
		if length == 0 {
			return i, i, i
		}
		i += length
		if reference.end > reference.start {
			return i - length + reference.start, i - length + reference.end, i
		}
	}
	return 0, 0, len(data)
}

// span is a part of a token.
type span struct{ start, end int }

// token reads one token, or as much of it as can be told to hold nothing. Length 0: it depends on what follows.
func (s *sheet) token(data []byte, final bool) (length int, reference span) {
	c := data[0]
	if s.within != 0 {
		return s.pass(data, final), span{}
	}
	if isName(c) || c == '\\' {
		return s.name(data, final)
	}
	s.inName = false
	switch c {
	case '"', '\'':
		return s.text(data, final)
	case '/':
		return s.slash(data, final), span{}
	case '@':
		return s.atRule(data, final), span{}
	case '#':
		s.inName = true // the name of a hash is no function
	case '(', '[', '{':
		s.open(c)
	case ')', ']', '}':
		s.close(c)
	case ';':
		s.prelude = noPrelude
	}
	return 1, span{}
}

// pass goes on in what is passed over.
func (s *sheet) pass(data []byte, final bool) int {
	if s.within == '*' {
		if end := bytes.Index(data, []byte("*/")); end >= 0 {
			s.within = 0
			return end + len("*/")
		}
		if data[len(data)-1] == '*' && !final {
			return len(data) - 1
		}
		return len(data)
	}
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == s.within:
			s.within = 0
			return i + 1
		case c == '\\':
			if i+1 == len(data) && !final {
				return i
			}
			i++
		case isLineEnd(c) && s.within != ')':
			s.within = 0
			return i + 1
		}
	}
	return len(data)
}

func (s *sheet) slash(data []byte, final bool) int {
	switch {
	case len(data) == 1 && !final:
		return 0
	case len(data) > 1 && data[1] == '*':
		s.within = '*'
		return 2
	}
	return 1
}

func (s *sheet) atRule(data []byte, final bool) int {
	length, whole := nameLength(data[1:])
	if !whole && !final && length < maxName {
		return 0
	}
	switch name := data[1 : 1+length]; {
	case foldEqual(name, "import"):
		s.prelude = importPrelude
	case foldEqual(name, "namespace"), foldEqual(name, "document"), foldEqual(name, "-moz-document"):
		s.prelude = pagePrelude
	default:
		s.prelude = noPrelude
	}
	s.inName = length > 0
	return 1 + length
}

// maxName is longer than any name that means something here.
const maxName = 64

// name reads a name, and what belongs to it: the bracket of a function, a URL without quotes.
func (s *sheet) name(data []byte, final bool) (int, span) {
	length, whole := nameLength(data)
	if !whole && !final {
		if length < maxName && !s.inName {
			return 0, span{}
		}
		s.inName = true
		return length, span{}
	}
	if length == 0 {
		return 1, span{} // a backslash that escapes nothing
	}
	begins := !s.inName
	s.inName = false
	if !begins || length == len(data) || data[length] != '(' {
		return length, span{}
	}
	switch name := data[:length]; {
	case foldEqual(name, "url"):
		return s.url(data, final)
	case foldEqual(name, "image-set"), foldEqual(name, "-webkit-image-set"):
		s.open(imageSet)
	default:
		s.open('(')
	}
	return length + 1, span{}
}

// nameLength is the length of the name at the beginning. Not whole: it reaches to the end, or may.
func nameLength(data []byte) (length int, whole bool) {
	for i := 0; i < len(data); i++ {
		switch {
		case isName(data[i]):
		case data[i] != '\\':
			return i, true
		case i+1 == len(data):
			return i, false
		case isLineEnd(data[i+1]):
			return i, true
		default:
			i++
		}
	}
	return len(data), false
}

func (s *sheet) open(kind byte) {
	if kind == '{' {
		s.prelude = noPrelude
	}
	if s.depth == len(s.nesting) {
		s.beyond++
		return
	}
	s.nesting[s.depth] = kind
	s.depth++
}

// close closes what is open, if the bracket is its own.
func (s *sheet) close(bracket byte) {
	if s.beyond > 0 {
		s.beyond--
		return
	}
	if s.depth == 0 {
		return
	}
	own := byte(')')
	switch s.nesting[s.depth-1] {
	case '[':
		own = ']'
	case '{':
		own = '}'
	}
	if own == bracket {
		s.depth--
	}
}

// isName reports a byte that names and numbers consist of.
func isName(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' || c == '_' || c >= 0x80 }

// isBare reports a byte that may stand in a URL without quotes.
func isBare(c byte) bool {
	return c > ' ' && c != 0x7f && c != '"' && c != '\'' && c != '(' && c != ')' && c != '\\'
}

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' || c == '\f' }
