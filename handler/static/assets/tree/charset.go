package tree

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// utf8Charset ends the types of text.
const utf8Charset = "; charset=utf-8"

// maxPrescan is how many bytes of a page browsers look at for a meta element that states the charset (HTML, 13.2.3.2).
const maxPrescan = 1 << 10

// hasOtherCharset reports text in another charset than UTF-8: its bytes are not UTF-8, or it states another charset itself. The
// charset of a Content-Type overrides what a page or a stylesheet states.
func hasOtherCharset(contentType string, content []byte) bool {
	media, isText := strings.CutSuffix(contentType, utf8Charset)
	switch {
	case !isText:
		return false
	case !utf8.Valid(content):
		return true
	case media == "text/html":
		return !isUTF8Label(metaCharset(content[:min(len(content), maxPrescan)]))
	case media == "text/css":
		return !isUTF8Label(cssCharset(content))
	default:
		return false
	}
}

// metaCharset returns the charset that a meta element at the beginning of a page states, or "".
func metaCharset(head []byte) string {
	tokenizer := html.NewTokenizer(bytes.NewReader(head))
	for {
		switch tokenizer.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			if name, more := tokenizer.TagName(); more && string(name) == "meta" {
				if charset := charsetOfMeta(tokenizer); charset != "" {
					return charset
				}
			}
		}
	}
}

func charsetOfMeta(tokenizer *html.Tokenizer) (charset string) {
	var content string
	isContentType := false
	for more := true; more; {
		var name, value []byte
		name, value, more = tokenizer.TagAttr()
		switch string(name) {
		case "charset":
			charset = string(value)
		case "http-equiv":
			isContentType = strings.EqualFold(string(value), "content-type")
		case "content":
			content = string(value)
		}
	}
	if charset == "" && isContentType {
		_, parameter, _ := strings.Cut(strings.ToLower(content), "charset")
		charset, _, _ = strings.Cut(strings.TrimLeft(parameter, " \t="), ";")
	}
	return charset
}

// cssCharset returns the charset of a stylesheet's first rule (CSS Syntax, 3.2), or "".
func cssCharset(content []byte) string {
	after, found := bytes.CutPrefix(content, []byte(`@charset "`))
	if !found {
		return ""
	}
	charset, _, _ := bytes.Cut(after[:min(len(after), maxPrescan)], []byte(`"`))
	return string(charset)
}

// isUTF8Label reports a name of UTF-8 (Encoding Standard, 4.2), or none. A page that states UTF-16 in ASCII is read as UTF-8.
func isUTF8Label(label string) bool {
	label = strings.ToLower(strings.Trim(label, " \t\r\n\f\"'"))
	switch label {
	case "", "utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8":
		return true
	default:
		return strings.HasPrefix(label, "utf-16")
	}
}

// setCharset looks at the bytes of a file for its charset.
func (f *File) setCharset(content []byte) {
	f.otherCharset = hasOtherCharset(ContentType(f.Path), content)
}

// setCharsetOf is setCharset for bytes that are not in memory. It reads their beginning.
func (f *File) setCharsetOf(content io.ReaderAt) {
	if !strings.HasSuffix(ContentType(f.Path), utf8Charset) {
		return
	}
	const sample = 64 << 10
	head := make([]byte, min(f.Size, sample))
	n, _ := content.ReadAt(head, 0)
	head = head[:n]
	for cut := 0; cut < utf8.UTFMax-1 && int64(n) < f.Size && len(head) > 0; cut++ {
		if r, size := utf8.DecodeLastRune(head); r != utf8.RuneError || size != 1 {
			break
		}
		head = head[:len(head)-1] // the sample may end within a character
	}
	f.setCharset(head)
}
