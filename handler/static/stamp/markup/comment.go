package markup

import "bytes"

// scanComment scans to the end of a comment.
func (s *Scanner) scanComment(data []byte, i int) int {
	for ; i < len(data); i++ {
		if s.comment.dashes == 0 && !s.comment.bang {
			dash := bytes.IndexByte(data[i:], '-')
			if dash < 0 {
				s.comment.fresh = 0
				return len(data)
			}
			i += dash
		}
		if s.comment.ends(data[i]) {
			s.enter(inText)
			return i + 1
		}
	}
	return i
}

// comment finds the end of a comment: "-->" or "--!>", or a ">" directly after "<!--" or "<!---" (HTML, 13.2.5.43 to 13.2.5.52).
type comment struct {
	dashes int  // how many dashes precede the current byte, at most two
	fresh  int  // how many of these dashes belong to "<!--"; "<!--!>" does not end a comment
	bang   bool // "--!" precedes the current byte
}

func (c *comment) begin() { *c = comment{dashes: 2, fresh: 2} }

// ends reports whether b ends the comment.
func (c *comment) ends(b byte) bool {
	switch {
	case b == '>' && (c.bang || c.dashes == 2):
		return true
	case b == '-' && c.bang:
		*c = comment{dashes: 1}
	case b == '-':
		c.dashes, c.fresh = min(c.dashes+1, 2), max(c.fresh-1, 0)
	case b == '!' && c.dashes == 2 && c.fresh == 0:
		*c = comment{bang: true}
	default:
		*c = comment{}
	}
	return false
}
