package deltas

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Digest is the SHA-256 of a version.
type Digest = [sha256.Size]byte

// fieldLength is the length of a SHA-256 as a byte sequence in a structured field (RFC 9651, 3.3.5): base64 between colons.
const fieldLength = 46

// ParseAvailable parses the field Available-Dictionary (RFC 9842, 2.2): the digest of the version that the client holds. For a field
// that is missing, occurs twice, or holds anything else, ok is false.
func ParseAvailable(lines []string) (held Digest, ok bool) {
	if len(lines) != 1 {
		return Digest{}, false
	}
	field := strings.Trim(lines[0], " ")
	if len(field) != fieldLength || field[0] != ':' || field[fieldLength-1] != ':' {
		return Digest{}, false
	}
	// 44 characters without padding are 33 bytes. Decode skips line breaks, and then decodes fewer.
	var decoded [sha256.Size + 1]byte
	n, err := base64.StdEncoding.Strict().Decode(decoded[:], []byte(field[1:fieldLength-1]))
	if err != nil || n != sha256.Size {
		return Digest{}, false
	}
	return Digest(decoded[:sha256.Size]), true
}

// Scope is the URLs of the versions of one file, as the client sees them: all begin with Before and end with After. If Query is
// true, the versions are in the query, and After is empty.
type Scope struct {
	Before, After string
	Query         bool
}

// UseAsDictionary returns the field Use-As-Dictionary (RFC 9842, 2.1), by which browsers keep a version as a dictionary for the
// other versions of the file. A path with a colon, or that is not printable ASCII, has none.
func (s Scope) UseAsDictionary(contentType string) (field string, ok bool) {
	before, ok := escapePattern(s.Before)
	after, okAfter := escapePattern(s.After)
	if !ok || !okAfter {
		return "", false
	}
	wildcard := "*"
	if s.Query {
		wildcard = "?*"
	}
	field = `match="` + before + wildcard + after + `"`
	if destination := destination(contentType); destination != "" {
		field += `, match-dest=("` + destination + `")`
	}
	return field, true
}

// escapePattern returns the pattern of a part of a path, as the inside of a structured string. A URL pattern escapes characters
// with a backslash, which is two in the string (RFC 9651, 3.3.3). A colon ends a protocol, escaped or not (URL Pattern, constructor
// strings). No escaped path has the other characters that are not ok.
func escapePattern(path string) (pattern string, ok bool) {
	var escaped strings.Builder
	for _, c := range []byte(path) {
		switch {
		case c <= ' ' || c > '~' || strings.IndexByte(`\{}"?#:`, c) >= 0:
			return "", false
		case strings.IndexByte(`()*+`, c) >= 0:
			escaped.WriteString(`\\`)
		}
		escaped.WriteByte(c)
	}
	return escaped.String(), true
}

// destination is what requests for a type are for, or "" if they may be for several things.
func destination(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	switch media {
	case "text/javascript":
		return "script"
	case "text/css":
		return "style"
	default:
		return ""
	}
}
