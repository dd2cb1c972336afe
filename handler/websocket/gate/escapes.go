package gate

// maxDecodings is how many layers of percent escapes are decoded.
const maxDecodings = 3

// eachDecoding visits the text, then the text after each decoding of its percent escapes, until visit returns false.
func eachDecoding(text string, visit func(string) bool) {
	for range maxDecodings + 1 {
		if !visit(text) {
			return
		}
		decoded := unescape(text)
		if decoded == text {
			return
		}
		text = decoded
	}
}

// unescape decodes the percent escapes that are whole and leaves every other byte as it is.
func unescape(text string) string {
	if !hasEscape(text) {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if isEscape(text, i) {
			decoded = append(decoded, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
			continue
		}
		decoded = append(decoded, text[i])
	}
	return string(decoded)
}

func hasEscape(text string) bool {
	for i := range len(text) {
		if isEscape(text, i) {
			return true
		}
	}
	return false
}

func isEscape(text string, i int) bool {
	return text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
}

func fromHex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}
