package gate

import (
	"net/http"
	"strings"
)

// lineByte is NEL in Latin-1, a line end for Daphne before 4.2.2 and Autobahn (CVE-2026-44546): what follows it in a header field
// becomes a header of its own. In UTF-8 it is a part of many letters.
const lineByte = "\x85"

// headerBytes are the bytes of a header at which servers may split a line.
type headerBytes struct {
	control bool // any server may split there
	line    bool // lineByte
}

// readHeaderBytes reads every value once.
func readHeaderBytes(header http.Header) (found headerBytes) {
	for _, values := range header {
		for _, value := range values {
			for i := range len(value) {
				c := value[i]
				if c-' ' < 0x7f-' ' {
					continue
				}
				found.control = found.control || c < ' ' && c != '\t' || c == 0x7f
				found.line = found.line || c == lineByte[0]
			}
		}
	}
	return found
}

// hasTargetBytes reports a path or query with a byte that is not ASCII. Applications decode the bytes in several ways, and some
// of them split lines there. Clients that are not attackers escape such bytes (RFC 3986, 2).
func hasTargetBytes(r *http.Request) bool {
	return !isASCII(r.RequestURI) || !isASCII(r.URL.RawPath) || !isASCII(r.URL.RawQuery)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// dropLineBytes removes the header fields that hold a line byte, and returns their names. Of Cookie it removes the pairs alone.
func dropLineBytes(header http.Header) (dropped []string) {
	for name, lines := range header {
		var kept []string
		for _, line := range lines {
			rest := line
			if name == "Cookie" {
				rest = withoutElements(line, ";", func(pair string) bool {
					cookie, _, _ := strings.Cut(pair, "=")
					return dropIf(strings.Contains(pair, lineByte), &dropped, "Cookie "+cookie)
				})
			}
			if !dropIf(strings.Contains(rest, lineByte), &dropped, name) && (rest != "" || line == "") {
				kept = append(kept, rest)
			}
		}
		if len(kept) == 0 && len(lines) > 0 {
			delete(header, name)
			continue
		}
		header[name] = kept
	}
	return dropped
}

func dropIf(drop bool, dropped *[]string, name string) bool {
	if drop {
		*dropped = append(*dropped, name)
	}
	return drop
}
