package markup

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// MaxTag is the length of the longest start tag that [Scanner.Next] returns. Longer tags are skipped.
const MaxTag = 32 << 10

// Scanner finds the start tags of one page. The zero value is at the beginning of a page.
type Scanner struct {
	mode    mode
	scanned int // how many bytes of the current construct were scanned before

	tagEnd      tagEnd
	skipped     tagName // the name of a tag that is too long
	skippedEnds bool    // the skipped tag is an end tag
	comment     comment
	raw         raw
	foreign     foreign
	templates   int // how many template elements are open

	tag Tag
}

// mode is the kind of construct at the current position (HTML, 13.2.5).
type mode byte

const (
	inText      mode = iota
	inMarkup         // at a "<"
	inTag            // in a tag that is scanned to its end before it is used
	inLongTag        // in a tag that is skipped
	inBogus          // in a doctype, a processing instruction or a bogus comment: up to the next ">"
	inComment        // in a comment
	inCDATA          // in a CDATA section of SVG or MathML
	inRaw            // in an element whose content is no markup, such as title and script
	inPlaintext      // after a plaintext tag, or stopped: no markup follows
)

// Next scans data from i to the end of one construct and returns the position after it. The tag is nil if the construct is not
// a start tag, or the start tag of an element that [Element] does not name. Next keeps nothing of data.
//
// If decided is false, the construct at next depends on bytes that follow data. The caller must call Next again with data that
// begins at next and is longer. If final is true, nothing follows data and the result is always decided.
func (s *Scanner) Next(data []byte, i int, final bool) (next int, tag *Tag, decided bool) {
	switch s.mode {
	case inTag, inLongTag:
		return s.scanTag(data, i, final)
	case inText:
		next, decided = s.scanText(data, i), true
	case inMarkup:
		next, decided = s.scanMarkup(data, i, final)
	case inBogus:
		next, decided = s.scanUntil(data, i, ">", final)
	case inComment:
		next, decided = s.scanComment(data, i), true
	case inCDATA:
		next, decided = s.scanUntil(data, i, "]]>", final)
	case inRaw:
		next, decided = s.scanRaw(data, i, final)
	default:
		next, decided = len(data), true
	}
	return next, nil, decided
}

// Stop makes the scanner pass the rest of the page without tags. It is called after a tag.
func (s *Scanner) Stop() { s.enter(inPlaintext) }

func (s *Scanner) enter(m mode) {
	s.mode, s.scanned = m, 0
}

func (s *Scanner) enterTag() {
	s.enter(inTag)
	s.tagEnd = tagEnd{}
}

func (s *Scanner) scanText(data []byte, i int) int {
	start := bytes.IndexByte(data[i:], '<')
	if start < 0 {
		return len(data)
	}
	s.enter(inMarkup)
	return i + start
}

// scanMarkup decides which construct a "<" begins.
func (s *Scanner) scanMarkup(data []byte, i int, final bool) (int, bool) {
	rest := data[i:]
	if final && len(rest) < 3 {
		s.enter(inText)
		return len(data), true
	}
	switch {
	case len(rest) < 2:
		return i, false
	case ascii.IsLetter(rest[1]):
		s.enterTag()
		return i, true
	case rest[1] == '/':
		return s.scanEndMarkup(data, i)
	case rest[1] == '!':
		return s.scanDeclaration(data, i, final)
	case rest[1] == '?':
		s.enter(inBogus)
		return i + 2, true
	}
	s.enter(inText)
	return i + 1, true
}

func (s *Scanner) scanEndMarkup(data []byte, i int) (int, bool) {
	rest := data[i:]
	switch {
	case len(rest) < 3:
		return i, false
	case ascii.IsLetter(rest[2]):
		s.enterTag()
		return i, true
	case rest[2] == '>':
		s.enter(inText)
		return i + 3, true
	}
	s.enter(inBogus)
	return i + 2, true
}

func (s *Scanner) scanDeclaration(data []byte, i int, final bool) (int, bool) {
	rest := data[i:]
	const comment, cdata = "<!--", "<![CDATA["
	switch {
	case bytes.HasPrefix(rest, []byte(comment)):
		s.enter(inComment)
		s.comment.begin()
		return i + len(comment), true
	case s.foreign.inside() && bytes.HasPrefix(rest, []byte(cdata)):
		s.enter(inCDATA)
		return i + len(cdata), true
	case !final && (mayBecome(rest, comment) || mayBecome(rest, cdata)):
		return i, false
	}
	s.enter(inBogus)
	return i + 2, true
}

// mayBecome reports whether text is a proper prefix of token.
func mayBecome(text []byte, token string) bool {
	return len(text) < len(token) && token[:len(text)] == string(text)
}

// scanUntil scans up to an end mark, after which text follows.
func (s *Scanner) scanUntil(data []byte, i int, mark string, final bool) (int, bool) {
	if end := bytes.Index(data[i:], []byte(mark)); end >= 0 {
		s.enter(inText)
		return i + end + len(mark), true
	}
	if final || len(mark) == 1 {
		return len(data), true
	}
	// The last bytes may be the beginning of the mark.
	last := max(i, len(data)-len(mark)+1)
	for last < len(data) && !mayBecome(data[last:], mark) {
		last++
	}
	return last, last == len(data)
}

// scanRaw scans the content of an element that holds no markup, up to its end tag.
func (s *Scanner) scanRaw(data []byte, i int, final bool) (int, bool) {
	length, found := s.raw.find(data[i:], final)
	end := i + length
	if found {
		s.enter(inMarkup)
		return end, true
	}
	return end, end == len(data)
}

// scanTag scans to the end of a tag. A start tag is returned if its element is known and the tag is not too long.
func (s *Scanner) scanTag(data []byte, i int, final bool) (next int, tag *Tag, decided bool) {
	length := s.tagEnd.find(data[i+s.scanned:])
	if length < 0 {
		s.scanned = len(data) - i
		switch {
		case s.mode == inLongTag, final:
			s.scanned = 0
			return len(data), nil, true
		case s.scanned <= MaxTag:
			return i, nil, false
		}
		s.skipTag(data[i:])
		return len(data), nil, true
	}
	end := i + s.scanned + length
	switch {
	case s.mode == inLongTag:
		s.endSkippedTag()
	case end-i > MaxTag:
		s.skipTag(data[i:end])
		s.endSkippedTag()
	case data[i+1] == '/':
		s.enter(inText)
		if len(s.foreign.open) > 0 || s.templates > 0 {
			s.endElement(nameOf(data[i+2 : end]))
		}
	default:
		s.enter(inText)
		tag = s.startElement(data, i, end)
	}
	return end, tag, true
}

// startElement reads the start tag in data from i to end.
func (s *Scanner) startElement(data []byte, i, end int) *Tag {
	name := nameOf(data[i+1 : end])
	s.tag.reset(data)
	if name.element != unnamedElement || s.foreign.inside() {
		s.tag.read(i, end)
	}
	s.foreign.start(name, s.tag.selfClosing, s.tag.isHTMLAnnotation())
	if name.element == templateElement {
		s.templates++
	}
	s.startContent(name.element)
	if name.element == unnamedElement {
		return nil
	}
	s.tag.Element, s.tag.InForeign, s.tag.InTemplate = name.element, s.foreign.inside(), s.templates > 0
	return &s.tag
}

func (s *Scanner) endElement(name tagName) {
	s.foreign.end(name)
	if name.element == templateElement && s.templates > 0 {
		s.templates--
	}
}

// startContent enters the mode of an element's content.
func (s *Scanner) startContent(e Element) {
	switch {
	case s.foreign.overflow:
		s.enter(inPlaintext)
	case s.foreign.inside() && (s.tag.selfClosing || e != ScriptElement && e != styleElement):
	case e == titleElement && s.foreign.isIn(titleElement): // a title in SVG holds markup
	case e == plaintextElement:
		s.enter(inPlaintext)
	case int(e) < len(rawNames) && rawNames[e] != "":
		s.raw.begin(rawNames[e])
		s.enter(inRaw)
	}
}

// skipTag skips a tag that is too long. The element is read, since the mode after the tag depends on it.
func (s *Scanner) skipTag(tag []byte) {
	s.enter(inLongTag)
	s.skippedEnds = tag[1] == '/'
	if s.skippedEnds {
		tag = tag[1:]
	}
	s.skipped = nameOf(tag[1:])
}

func (s *Scanner) endSkippedTag() {
	s.enter(inText)
	if s.skippedEnds {
		s.endElement(s.skipped)
		return
	}
	s.tag.reset(nil)
	s.foreign.start(s.skipped, false, false)
	s.startContent(s.skipped.element)
}
