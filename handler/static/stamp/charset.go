package stamp

import (
	"bytes"

	"github.com/scan2food/usher/handler/static/stamp/ascii"
	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// IgnoreMeta tells that the response header names the charset of the page, so that meta elements do not (HTML, 13.2.3.2).
func (p *PageWriter) IgnoreMeta() { p.ignoresMeta = true }

// readCharset lets the rest of a page pass unchanged if a meta element names a charset of ISO 2022. Escape sequences change the
// meaning of bytes below 0x80 there. UTF-16 in a meta element means UTF-8.
func (p *PageWriter) readCharset(tag *markup.Tag) {
	charset := tag.Text(markup.CharsetAttribute)
	if charset == nil && ascii.EqualFold(tag.Text(markup.HTTPEquivAttribute), "content-type") {
		_, charset, _ = bytes.Cut(bytes.ToLower(tag.Text(markup.ContentAttribute)), []byte("charset"))
		charset = bytes.TrimLeft(charset, whitespace+`="'`)
	}
	charset = ascii.TrimSpace(charset)
	if !p.ignoresMeta && (ascii.HasPrefixFold(charset, "iso-2022-") || ascii.HasPrefixFold(charset, "csiso2022")) {
		p.scanner.Stop()
	}
}
