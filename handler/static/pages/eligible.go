package pages

import (
	"net/http"
	"strings"
)

// isEligible reports whether a response is a page, and one that may be changed.
func isEligible(status int, header http.Header) bool {
	if status == http.StatusSwitchingProtocols || status == http.StatusNoContent || status == http.StatusPartialContent ||
		status >= 300 && status < 400 {
		return false
	}
	if isNeverPage(header) || noTransform(header) || header.Get("Signature") != "" {
		return false
	}
	return len(header["Content-Encoding"]) == 0 || len(header["Content-Encoding"]) == 1 && decodes(header.Get("Content-Encoding"))
}

// isNeverPage reports a response that is never stamped, whatever its body holds: another media type, or an attachment.
func isNeverPage(header http.Header) bool {
	disposition, _, _ := strings.Cut(header.Get("Content-Disposition"), ";")
	return !isStampableHTML(header.Get("Content-Type")) || strings.EqualFold(strings.TrimSpace(disposition), "attachment")
}

// codingOf returns the content coding, or "" for none.
func codingOf(header http.Header) string {
	coding := strings.ToLower(strings.TrimSpace(header.Get("Content-Encoding")))
	if coding == "identity" {
		return ""
	}
	return coding
}

// isEmptyEncoded reports a body of no bytes that claims a content coding. Some applications mark redirects and empty pages so.
func isEmptyEncoded(header http.Header) bool {
	return header.Get("Content-Length") == "0" && codingOf(header) != ""
}

// noTransform reports a response whose content no intermediary may change (RFC 9111, 5.2.2.6).
func noTransform(header http.Header) bool {
	return strings.Contains(strings.ToLower(strings.Join(header["Cache-Control"], ",")), "no-transform")
}

// isIncremental reports `Incremental: ?1` (RFC 10036): intermediaries forward the message without holding any of it. The value is
// a boolean of structured fields, with parameters that have no meaning yet (RFC 9651, 3.3.6).
func isIncremental(header http.Header) bool {
	lines := header["Incremental"]
	if len(lines) != 1 {
		return false // absent, or no single item
	}
	value, _, _ := strings.Cut(lines[0], ";")
	return strings.Trim(value, " ") == "?1"
}

// isHTML reports a page, also one that is not stamped.
func isHTML(header http.Header) bool {
	media, _, _ := strings.Cut(strings.ToLower(header.Get("Content-Type")), ";")
	media = strings.TrimSpace(media)
	return media == "text/html" || media == "application/xhtml+xml"
}

// isStampableHTML leaves XHTML alone, which has other rules, and charsets in which bytes below 0x80 do not mean ASCII.
func isStampableHTML(contentType string) bool {
	media, parameters, _ := strings.Cut(strings.ToLower(contentType), ";")
	if strings.TrimSpace(media) != "text/html" {
		return false
	}
	_, charset, found := strings.Cut(parameters, "charset=")
	if !found {
		return true
	}
	charset = strings.Trim(strings.TrimSpace(charset), `"'`)
	for _, other := range []string{"utf-16", "utf16", "utf-32", "utf32", "ucs-", "unicode", "csunicode", "iso-10646", "iso-2022", "csiso2022",
		"utf-7", "utf7", "hz", "ibm037", "cp037", "ebcdic"} {
		if strings.HasPrefix(charset, other) {
			return false
		}
	}
	return true
}
