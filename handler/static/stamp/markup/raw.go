package markup

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// raw finds the end tag of an element whose content is no markup (HTML, 13.2.5.9 to 13.2.5.31).
type raw struct {
	name string
	// escape is 1 in a script after "<!--", and 2 after "<script" within that. At 2, "</script" only returns to 1: it does not
	// end the element.
	escape byte
	dashes int // how many dashes precede the current byte
}

func (r *raw) begin(name string) { *r = raw{name: name} }

// find returns how many bytes of data are certainly content, and whether the end tag follows them.
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
			r.scanEscaped(data[i])
			i++
			continue
		}
		step, decided := r.scanMarkup(data[i:], final)
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

// scanEscaped leaves the escaped part of a script after "-->".
func (r *raw) scanEscaped(c byte) {
	switch {
	case c == '-':
		r.dashes++
	case c == '>' && r.dashes >= 2:
		r.escape, r.dashes = 0, 0
	default:
		r.dashes = 0
	}
}

// scanMarkup returns the length of the construct that a "<" begins, or 0 for the end tag of the element.
func (r *raw) scanMarkup(data []byte, final bool) (length int, decided bool) {
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
		return r.startEscape(data, final)
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

// startEscape enters the escaped part of a script if data begins with "<!--".
func (r *raw) startEscape(data []byte, final bool) (length int, decided bool) {
	const mark = "<!--"
	switch {
	case bytes.HasPrefix(data, []byte(mark)):
		r.escape, r.dashes = 1, 2
		return len(mark), true
	case mayBecome(data, mark) && !final:
		return 0, false
	}
	return 1, true
}

// isTag reports whether data begins with a tag of the given name.
func isTag(data []byte, opening, name string, final bool) (is, decided bool) {
	length := len(opening) + len(name)
	for i := range min(len(data), length) {
		want := byte(0)
		if i < len(opening) {
			want = opening[i]
		} else {
			want = name[i-len(opening)]
		}
		if ascii.Lower(data[i]) != want {
			return false, true
		}
	}
	if len(data) <= length {
		return false, final
	}
	c := data[length]
	return ascii.IsSpace(c) || c == '/' || c == '>', true
}
