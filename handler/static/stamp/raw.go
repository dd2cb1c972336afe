package stamp

import "bytes"

// raw finds the end of an element whose content is no markup (HTML, 13.2.5.9 and what follows it).
type raw struct {
	name string
	// escape is how deep a script is in what looks like a comment: 1 within "<!--", 2 within "<script" in that, where
	// "</script" ends only the latter.
	escape byte
	dashes int
}

func (r *raw) begin(name string) { *r = raw{name: name} }

// find returns how much of data is content for certain, and whether the end tag follows it.
func (r *raw) find(data []byte, final bool) (length int, found bool) {
	for i := 0; i < len(data); {
		if r.escape == 0 {
			start := bytes.IndexByte(data[i:], '<')
			if start < 0 {
				return len(data), false
			}
			i += start
		}
		if data[i] != '<' {
			r.escaped(data[i])
			i++
			continue
		}
		step, decided := r.markup(data[i:], final)
		switch {
		case !decided:
			return i, false
		case step == 0:
			return i, true
		}
		i += step
	}
	return len(data), false
}

// escaped follows the end of what looks like a comment.
func (r *raw) escaped(c byte) {
	switch {
	case c == '-':
		r.dashes++
	case c == '>' && r.dashes >= 2:
		r.escape, r.dashes = 0, 0
	default:
		r.dashes = 0
	}
}

// markup tells what a "<" is: 0 for the end of the element, otherwise how much to go on.
func (r *raw) markup(data []byte, final bool) (length int, decided bool) {
	ends, decided := isTag(data, "</", r.name, final)
	if !decided {
		return 0, false
	}
	if ends && r.escape < 2 {
		return 0, true
	}
	if ends {
		r.escape, r.dashes = 1, 0
		return len("</script"), true
	}
	if r.name != "script" {
		return 1, true
	}
	if r.escape == 0 {
		return r.comment(data, final)
	}
	r.dashes = 0
	begins, decided := isTag(data, "<", r.name, final)
	if !decided {
		return 0, false
	}
	if begins && r.escape == 1 {
		r.escape = 2
		return len("<script"), true
	}
	return 1, true
}

func (r *raw) comment(data []byte, final bool) (length int, decided bool) {
	const mark = "<!--"
	switch {
	case bytes.HasPrefix(data, []byte(mark)):
		r.escape, r.dashes = 1, 2
		return len(mark), true
	case beginsWith(mark, data) && !final:
		return 0, false
	}
	return 1, true
}

// isTag reports whether data begins with a tag of that name.
func isTag(data []byte, opening, name string, final bool) (is, decided bool) {
	length := len(opening) + len(name)
	for i := range min(len(data), length) {
		want := byte(0)
		if i < len(opening) {
			want = opening[i]
		} else {
			want = name[i-len(opening)]
		}
		if lower(data[i]) != want {
			return false, true
		}
	}
	if len(data) <= length {
		return false, final
	}
	c := data[length]
	return isBlank(c) || c == '/' || c == '>', true
}

// inRaw goes on in such an element.
func (p *Page) inRaw(data []byte, i int, final bool) (int, bool) {
	length, found := p.raw.find(data[i:], final)
	end := i + length
	if found {
		p.enter(inMarkup)
		return end, true
	}
	return end, end == len(data)
}
