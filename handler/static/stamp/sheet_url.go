package stamp

// url reads what begins with url(.
func (s *sheet) url(data []byte, final bool) (int, span) {
	start := len("url(")
	for start < len(data) && isBlank(data[start]) {
		start++
	}
	switch {
	case start > maxToken:
		s.open('(')
		return start, span{}
	case start == len(data) && !final:
		return 0, span{}
	case start == len(data), data[start] == '"', data[start] == '\'':
		s.open(urlFunction)
		return start, span{}
	}
	text, length := bareURL(data, start, final)
	switch {
	case length > maxToken, length == 0 && len(data) > maxToken:
		s.within = ')'
		return start, span{}
	case length == 0:
		return 0, span{}
	case text.end == text.start: // whatever it is, it ends with its bracket
		s.within = ')'
		return start, span{}
	case s.prelude == pagePrelude:
		return length, span{}
	}
	if s.prelude == importPrelude {
		s.prelude = noPrelude
	}
	return length, text
}

// bareURL is where a URL without quotes stands, and the length with all around it: 0 if that is not to be seen yet. The
// span is empty where it is no URL, or one with escapes.
func bareURL(data []byte, start int, final bool) (text span, length int) {
	i := start
	for i < len(data) && isBare(data[i]) {
		i++
	}
	text = span{start, i}
	for i < len(data) && isBlank(data[i]) {
		i++
	}
	switch {
	case i == len(data) && !final:
		return span{}, 0
	case i == len(data):
		return text, i
	case data[i] != ')':
		return span{}, i
	default:
		return text, i + 1
	}
}

// text reads a string.
func (s *sheet) text(data []byte, final bool) (int, span) {
	quote, plain, i := data[0], true, 1
	for i < len(data) && data[i] != quote && !isLineEnd(data[i]) && i <= maxToken {
		if data[i] == '\\' {
			plain = false
			i++
		}
		i++
	}
	switch {
	case i > maxToken:
		s.within = quote
		return 1, span{}
	case i >= len(data) && !final:
		return 0, span{}
	case i >= len(data):
		i = len(data)
	case isLineEnd(data[i]):
		s.within = quote
		return 1, span{}
	}
	length := min(i+1, len(data))
	if !s.takesText() || !plain {
		return length, span{}
	}
	return length, span{1, i}
}

// takesText reports whether a string is a URL here, and notes that it was given.
func (s *sheet) takesText() bool {
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
