package stamp

// Style rewrites the stylesheet that is served under a URL path. It returns content itself if nothing is rewritten.
func (r *Rewriter) Style(content []byte, path string) []byte {
	var edits edits
	var memory scratch
	at := locationOfFile(path)
	forEachStyleReference(content, func(start, end int) {
		if e, ok := r.stamp(content[start:end], at, plainAmpersand, &memory); ok {
			edits.add(content, edit{start + e.start, start + e.end, e.with})
		}
	})
	return edits.finish(content)
}

// edits applies edits to a text, in the order of their positions.
type edits struct {
	out     []byte
	written int // how many bytes of the text are in out
}

func (s *edits) add(text []byte, e edit) {
	s.out = append(append(s.out, text[s.written:e.start]...), e.with...)
	s.written = e.end
}

// finish returns the edited text, or text itself without edits.
func (s *edits) finish(text []byte) []byte {
	if s.out == nil {
		return text
	}
	return append(s.out, text[s.written:]...)
}
