package stamp

// Style rewrites the style sheet that is served under a URL path. Content that holds nothing to rewrite is returned as it
// is.
func (s *Stamper) Style(content []byte, path string) []byte {
	var out []byte
	var memory scratch
	from := 0
	s.styleEdits(content, locationOf(pathURL(path)), &memory, func(e edit) {
		out = append(append(out, content[from:e.start]...), e.with...)
		from = e.end
	})
	if out == nil {
		return content
	}
	return append(out, content[from:]...)
}

func (s *Stamper) styleEdits(content []byte, at location, memory *scratch, change func(edit)) {
	eachStyleReference(content, func(start, end int) {
		if e, ok := s.stamp(content[start:end], at, plainAmpersand, memory); ok {
			change(edit{e.start + start, e.end + start, e.with})
		}
	})
}

// eachStyleReference finds the references of CSS that is whole.
func eachStyleReference(content []byte, each func(start, end int)) {
	var css sheet
	for i := 0; i < len(content); {
		start, end, done := css.find(content[i:], true)
		if end > start {
			each(i+start, i+end)
		}
		i += done
	}
}
