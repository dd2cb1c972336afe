package markup

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
)

// MaxReferences is the length of the longest attribute value that is decoded, if it holds character references.
const MaxReferences = 5 << 10

// Value is a decoded attribute value, with the position in the page of each byte.
type Value struct {
	// Text is the value without character references. It may belong to the page.
	Text []byte

	raw     []byte
	decoded []byte   // the memory of Text, if the value has character references
	origins []uint16 // the position in raw of each byte of Text, if mapped
	mapped  bool     // the value has character references
}

// decode takes the value as it is written in the page. It returns false if the value is too long, or has a NUL, which browsers
// replace by U+FFFD (HTML, 13.2.5.36).
func (v *Value) decode(raw []byte) bool {
	v.Text, v.raw, v.mapped = raw, raw, false
	if bytes.IndexByte(raw, 0) >= 0 {
		return false
	}
	if bytes.IndexByte(raw, '&') < 0 {
		return true
	}
	if len(raw) > MaxReferences {
		return false
	}
	v.decodeReferences()
	return true
}

func (v *Value) decodeReferences() {
	raw, text := v.raw, v.decoded[:0]
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
	v.Text, v.decoded = text, text
}

// Origin returns the offset, from the start of the attribute's value in the page, of the byte of Text at i. The length of Text
// has an origin too: the length of the value.
func (v *Value) Origin(i int) int {
	switch {
	case !v.mapped:
		return i
	case i == len(v.Text):
		return len(v.raw)
	default:
		return int(v.origins[i])
	}
}

// JoinsReference reports whether a letter inserted at i would become part of a character reference that has no semicolon.
func (v *Value) JoinsReference(i int) bool {
	return v.mapped && i > 0 && v.raw[v.Origin(i-1)] == '&' && v.Origin(i) > v.Origin(i-1)+1 && v.raw[v.Origin(i)-1] != ';'
}

// characterReference decodes the character reference at the beginning of raw. The rules are those for attributes: a name without
// a semicolon is no reference if "=" or a letter follows it (HTML, 13.2.5.73). Decoded is empty if raw begins with no reference.
func characterReference(raw []byte) (length int, decoded string) {
	if bytes.HasPrefix(raw, []byte("&#")) {
		return numericReference(raw)
	}
	length = 1
	for length < len(raw) && (ascii.IsLetter(raw[length]) || ascii.IsDigit(raw[length])) {
		length++
	}
	if length == 1 || length > 64 {
		return length, ""
	}
	if length < len(raw) && raw[length] == ';' {
		written := string(raw[:length+1])
		// UnescapeString may decode a shorter name at the beginning. In an attribute the shorter name is no reference, since a
		// letter follows it.
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
	digits, isDigit := len("&#"), ascii.IsDigit
	if len(raw) > digits && raw[digits]|0x20 == 'x' {
		digits, isDigit = digits+1, ascii.IsHex
	}
	length = digits
	for length < len(raw) && isDigit(raw[length]) {
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
