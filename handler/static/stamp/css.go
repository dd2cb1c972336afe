package stamp

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// styleScanner finds the references in a stylesheet (CSS Syntax, 4.3). The CSS lexer of tdewolff/parse is not used: it rejects
// url() functions with modifiers, and reads some escapes differently from the standard.
type styleScanner struct {
	content []byte
	i       int // the current position
	each    func(start, end int)

	prelude prelude
	// nesting are the open brackets and functions. Deeper ones are only counted.
	nesting [32]bracket
	depth   int
	beyond  int
}

// forEachStyleReference calls each with the position of each reference in a stylesheet.
func forEachStyleReference(content []byte, each func(start, end int)) {
	s := styleScanner{content: content, each: each}
	for s.i < len(content) {
		s.scan()
	}
}

// prelude is the part of an at-rule before its block.
type prelude byte

const (
	noPrelude     prelude = iota
	importPrelude         // the first string or url() is a stylesheet
	pagePrelude           // url() is a namespace or a page
)

// bracket is an open bracket: '(', '[', '{', or one of these functions.
type bracket byte

const (
	urlFunction bracket = 'u' // the first string is a URL
	imageSet    bracket = 'i' // strings are URLs
)

// scan scans one token.
func (s *styleScanner) scan() {
	c := s.content[s.i]
	switch {
	case isNameByte(c), c == '\\':
		s.scanName()
		return
	case c == '"', c == '\'':
		s.scanString()
		return
	case c == '@':
		s.scanAtRule()
		return
	case c == '/' && s.i+1 < len(s.content) && s.content[s.i+1] == '*':
		s.scanComment()
		return
	}
	s.i++
	switch c {
	case '#': // the name of a hash is no function
		s.i += nameLength(s.content[s.i:])
	case '(', '[', '{':
		s.open(bracket(c))
	case ')', ']', '}':
		s.close(c)
	case ';':
		s.prelude = noPrelude
	}
}

func (s *styleScanner) scanComment() {
	s.i += len("/*")
	if end := bytes.Index(s.content[s.i:], []byte("*/")); end >= 0 {
		s.i += end + len("*/")
		return
	}
	s.i = len(s.content)
}

func (s *styleScanner) scanAtRule() {
	s.i++
	switch name := s.takeName(); {
	case ascii.EqualFold(name, "import"):
		s.prelude = importPrelude
	case ascii.EqualFold(name, "namespace"), ascii.EqualFold(name, "document"), ascii.EqualFold(name, "-moz-document"):
		s.prelude = pagePrelude
	default:
		s.prelude = noPrelude
	}
}

// scanName scans a name or a number, and the bracket of a function.
func (s *styleScanner) scanName() {
	name := s.takeName()
	if len(name) == 0 {
		s.i++ // a backslash that escapes nothing
		return
	}
	if s.i == len(s.content) || s.content[s.i] != '(' {
		return
	}
	s.i++
	switch {
	case ascii.EqualFold(name, "url"):
		s.scanURL()
	case ascii.EqualFold(name, "image-set"), ascii.EqualFold(name, "-webkit-image-set"):
		s.open(imageSet)
	default:
		s.open('(')
	}
}

func (s *styleScanner) takeName() []byte {
	start := s.i
	s.i += nameLength(s.content[start:])
	return s.content[start:s.i]
}

// nameLength returns the length of the name at the beginning of text.
func nameLength(text []byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case isNameByte(text[i]):
		case text[i] != '\\', i+1 == len(text), isLineEnd(text[i+1]):
			return i
		default:
			i++
		}
	}
	return len(text)
}

// scanURL scans the content of url(.
func (s *styleScanner) scanURL() {
	s.skipSpace()
	if s.i == len(s.content) || s.content[s.i] == '"' || s.content[s.i] == '\'' {
		s.open(urlFunction)
		return
	}
	start := s.i
	for s.i < len(s.content) && isUnquotedURLByte(s.content[s.i]) {
		s.i++
	}
	end := s.i
	s.skipSpace()
	switch {
	case s.i == len(s.content):
	case s.content[s.i] != ')' || end == start: // invalid, escaped or empty: skip to the closing bracket
		s.skipUntil(')')
		return
	default:
		s.i++
	}
	if s.prelude == pagePrelude {
		return
	}
	if s.prelude == importPrelude {
		s.prelude = noPrelude
	}
	s.report(start, end)
}

// scanString scans a string. A line end ends an invalid string (CSS Syntax, 4.3.5).
func (s *styleScanner) scanString() {
	quote := s.content[s.i]
	s.i++
	start := s.i
	closed := s.skipUntil(quote)
	end := s.i
	if closed {
		end--
	} else if end < len(s.content) || end > start && isLineEnd(s.content[end-1]) {
		return
	}
	if s.takesString() && bytes.IndexByte(s.content[start:end], '\\') < 0 {
		s.report(start, end)
	}
}

// takesString reports whether a string at the current position is a URL, and notes that the URL was given.
func (s *styleScanner) takesString() bool {
	if s.beyond > 0 {
		return false
	}
	if s.depth > 0 {
		switch s.nesting[s.depth-1] {
		case imageSet:
			return true
		case urlFunction:
			s.nesting[s.depth-1] = '('
			return s.prelude != pagePrelude
		case '(':
			return false
		}
	}
	if s.prelude != importPrelude {
		return false
	}
	s.prelude = noPrelude
	return true
}

// report passes a reference on, if a URL can be that long. Browsers replace a NUL by U+FFFD, which names another file.
func (s *styleScanner) report(start, end int) {
	if end > start && end-start <= maxReference && bytes.IndexByte(s.content[start:end], 0) < 0 {
		s.each(start, end)
	}
}

func (s *styleScanner) skipSpace() {
	for s.i < len(s.content) && ascii.IsSpace(s.content[s.i]) {
		s.i++
	}
}

// skipUntil skips to the end of a string or of an invalid url(, and reports whether the end mark was found. A string also ends
// at a line end.
func (s *styleScanner) skipUntil(mark byte) bool {
	for s.i < len(s.content) {
		c := s.content[s.i]
		s.i++
		switch {
		case c == mark:
			return true
		case c == '\\' && s.i < len(s.content):
			s.i++
		case isLineEnd(c) && mark != ')':
			return false
		}
	}
	return false
}

func (s *styleScanner) open(b bracket) {
	if b == '{' {
		s.prelude = noPrelude
	}
	if s.depth == len(s.nesting) {
		s.beyond++
		return
	}
	s.nesting[s.depth] = b
	s.depth++
}

// close closes the innermost bracket if c belongs to it.
func (s *styleScanner) close(c byte) {
	if s.beyond > 0 {
		s.beyond--
		return
	}
	if s.depth == 0 {
		return
	}
	closing := byte(')')
	switch s.nesting[s.depth-1] {
	case '[':
		closing = ']'
	case '{':
		closing = '}'
	}
	if closing == c {
		s.depth--
	}
}

// isNameByte reports whether c may be a part of a name or a number.
func isNameByte(c byte) bool {
	return ascii.IsLetter(c) || ascii.IsDigit(c) || c == '-' || c == '_' || c >= 0x80
}

// isUnquotedURLByte reports whether c may be a part of a URL without quotes.
func isUnquotedURLByte(c byte) bool {
	return c > ' ' && c != 0x7f && c != '"' && c != '\'' && c != '(' && c != ')' && c != '\\'
}

func isLineEnd(c byte) bool { return c == '\n' || c == '\r' || c == '\f' }
