// Package ascii classifies and compares bytes as HTML and CSS do: letters outside ASCII have no case.
package ascii

// IsLetter reports whether c is an ASCII letter.
func IsLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// IsDigit reports whether c is a decimal digit.
func IsDigit(c byte) bool { return '0' <= c && c <= '9' }

// IsHex reports whether c is a hexadecimal digit.
func IsHex(c byte) bool { return IsDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// Unhex returns the value of a hexadecimal digit.
func Unhex(c byte) byte {
	if IsDigit(c) {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}

// IsSpace reports whether c is whitespace in HTML and CSS.
func IsSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// Lower returns the lower-case form of c.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

// EqualFold reports whether text equals a string in lower case, without regard to case.
func EqualFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if Lower(c) != lower[i] {
			return false
		}
	}
	return true
}

// HasPrefixFold reports whether text begins with a string in lower case, without regard to case.
func HasPrefixFold(text []byte, lower string) bool {
	return len(text) >= len(lower) && EqualFold(text[:len(lower)], lower)
}

// TrimSpace returns text without whitespace at both ends.
func TrimSpace(text []byte) []byte {
	for len(text) > 0 && IsSpace(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && IsSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}
