package stamp

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// maxValue is the longest attribute that is looked at where it holds character references.
const maxValue = 5 << 10

// value is an attribute's value without its character references, and where each byte of it came from.
type value struct {
	text    []byte
	decoded []byte   // the memory of text, where that is not the page's
	origins []uint16 // of each byte of text, and of its end; unused where there are no character references
	mapped  bool
	length  int // of what it was read from
}

// read takes the value as it stands in the page. Not ok: it is too long.
func (v *value) read(raw []byte) bool {
	v.text, v.length, v.mapped = raw, len(raw), false
	first := bytes.IndexByte(raw, '&')
	if first < 0 {
		return true
	}
	if len(raw) > maxValue {
		return false
	}
	v.decode(raw)
	return true
}

// origin is where the byte at i came from.
func (v *value) origin(i int) int {
	switch {
	case !v.mapped:
		return i
	case i == len(v.text):
		return v.length
	default:
		return int(v.origins[i])
	}
}

// continues reports whether letters at i would be read as part of a character reference that lacks its semicolon.
func (v *value) continues(raw []byte, i int) bool {
	return v.mapped && i > 0 && raw[v.origin(i-1)] == '&' && v.origin(i) > v.origin(i-1)+1 && raw[v.origin(i)-1] != ';'
}

func (v *value) decode(raw []byte) {
	text := v.decoded[:0]
	v.origins, v.mapped = v.origins[:0], true
	for i := 0; i < len(raw); {
		length, decoded := 1, ""
		if raw[i] == '&' {
			length, decoded = characterReference(raw[i:])
		}
		if decoded == "" {
			text = append(text, raw[i:i+length]...)
			for j := range length {
				v.origins = append(v.origins, uint16(i+j))
			}
		} else {
			text = append(text, decoded...)
			for range len(decoded) {
				v.origins = append(v.origins, uint16(i))
			}
		}
		i += length
	}
	v.text, v.decoded = text, text
}

// characterReference reads the reference at the beginning of raw by the rules for attributes (HTML, 13.2.5.73), where a
// name without its semicolon is none before "=" or a letter. Decoded is "" where there is none.
func characterReference(raw []byte) (length int, decoded string) {
	if bytes.HasPrefix(raw, []byte("&#")) {
		return numericReference(raw)
	}
	length = 1
	for length < len(raw) && (isLetter(raw[length]) || isDigit(raw[length])) {
		length++
	}
	if length == 1 || length > 64 {
		return length, ""
	}
	if length < len(raw) && raw[length] == ';' {
		written := string(raw[:length+1])
		// A shorter name that begins this one would be followed by a letter, and so be none.
		if decoded = html.UnescapeString(written); decoded != written && decoded[len(decoded)-1] != ';' {
			return length + 1, decoded
		}
		return length, ""
	}
	if length < len(raw) && raw[length] == '=' {
		return length, ""
	}
	written := string(raw[:length])
	if decoded = html.UnescapeString(written); decoded == written || utf8.RuneCountInString(decoded) != 1 {
		return length, ""
	}
	return length, decoded
}

func numericReference(raw []byte) (length int, decoded string) {
	digits, is := len("&#"), isDigit
	if len(raw) > digits && raw[digits]|0x20 == 'x' {
		digits, is = digits+1, isHex
	}
	length = digits
	for length < len(raw) && is(raw[length]) {
		length++
	}
	if length == digits {
		return 1, ""
	}
	decoded = html.UnescapeString(string(raw[:length]) + ";")
	if length < len(raw) && raw[length] == ';' {
		length++
	}
	return length, decoded
}
