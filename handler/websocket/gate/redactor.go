package gate

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// redactor replaces the credentials of one request, wherever they stand.
type redactor struct {
	gate *Gate
	// presented is what stands at the sources of the request; it may stand elsewhere too, as a part of something else
	presented []string
	left      *int // of maxLoggedParts
}

// header returns a copy if it changes anything.
func (m redactor) header(header http.Header) (redacted http.Header, changed bool) {
	redacted = header
	for name, lines := range header {
		canonical := http.CanonicalHeaderKey(name) // proxies write Sec-WebSocket-Protocol
		for i, line := range lines {
			shown := m.line(canonical, line)
			if shown == line {
				continue
			}
			if !changed {
				redacted, changed = header.Clone(), true
			}
			redacted[name][i] = shown
		}
	}
	return redacted, changed
}

func (m *redactor) notePresented(r *http.Request) {
	note := func(value string) {
		if len(value) >= keys.MinSecretLength {
			m.presented = append(m.presented, formsOf(value)...)
		}
	}
	cookies(r.Header["Cookie"], func(name, value string) {
		if slices.Contains(m.gate.cookies, name) {
			note(value)
		}
	})
	eachCredential(r, m.gate.sources, func(value string, place Place) {
		note(value)
		if place == InSubprotocol {
			note(decodeSubprotocol(value))
		}
	})
}

func (m redactor) named(place Place, name string) bool {
	return eraser{sources: m.gate.sources}.named(place, name)
}

// secret reports a value that is a key of this gate, is of the form of a ticket where there are such, or holds what was presented, whatever it stands under.
func (m redactor) secret(value string) bool {
	decoded := decode(value)
	for _, presented := range m.presented {
		if strings.Contains(value, presented) || strings.Contains(decoded, presented) {
			return true
		}
	}
	return value != "" && (m.gate.knows(value) || len(m.gate.cookies) > 0 && keys.LooksLikeTicket(value))
}

func (m redactor) parameter(raw, name, value string) (string, bool) {
	if !m.named(InQuery, name) && !m.secret(value) {
		return raw, true
	}
	escaped, _, _ := strings.Cut(raw, "=")
	return escaped + "=" + Redacted, true
}

// target redacts a request target or a Referer.
func (m redactor) target(uri string) string {
	before, rest, found := strings.Cut(uri, "?")
	before = m.path(before)
	if !found {
		return before
	}
	query, fragment, hasFragment := strings.Cut(rest, "#")
	if !decodable(query) {
		// Where parsers disagree on what the parameters are, nothing of the query is shown.
		return before + "?" + Redacted
	}
	uri = before + "?" + editQuery(query, m.parameter)
	if hasFragment {
		uri += "#" + fragment
	}
	return uri
}

// RedactPath returns the path of a handshake, decoded or not, as a log may show it: where a client forgot the question mark, the
// key stands in it.
func (g *Gate) RedactPath(path string) string {
	left := maxLoggedParts
	return redactor{gate: g, left: &left}.path(path)
}

func (m redactor) path(path string) string {
	if len(path) < keys.MinSecretLength {
		return path
	}
	return joined(path, "/", func(segment string) string {
		if len(segment) < keys.MinSecretLength {
			return segment
		}
		if m.secret(segment) {
			return Redacted
		}
		return m.parts(segment)
	})
}

func (m redactor) line(name, line string) string {
	switch name {
	case "Referer":
		line = m.target(line)
	case "Cookie":
		return m.parts(joined(line, ";", m.cookie))
	case "Sec-Websocket-Protocol":
		return m.parts(joined(line, ",", m.protocol))
	case "Authorization":
		if token, bearer := bearerToken(line); bearer && (m.named(InBearer, "") || m.secret(token)) {
			return "Bearer " + Redacted
		}
	}
	if m.named(InHeader, name) || m.secret(line) {
		return Redacted
	}
	return m.parts(line)
}

// maxLoggedParts of a request are looked at for keys that stand in places of no form: each is hashed. The rest is not shown.
const maxLoggedParts = 256

// parts replaces keys that stand in a line of a handshake, in quotes or in any other form that is not a credential's.
func (m redactor) parts(line string) string {
	redacted, escaped := line, false
	for word := range strings.FieldsFuncSeq(line, endsWord) {
		if len(word) < keys.MinSecretLength {
			continue
		}
		eachPart(word, func(part string) {
			if len(part) < keys.MinSecretLength || len(part) > maxFoundLength {
				return
			}
			if *m.left--; *m.left >= 0 && m.gate.knows(part) {
				redacted = strings.ReplaceAll(redacted, part, Redacted)
				escaped = escaped || !strings.Contains(line, part)
			}
		})
		if *m.left < 0 || escaped {
			return Redacted
		}
	}
	return redacted
}

func (m redactor) cookie(pair string) string {
	name, value, _ := strings.Cut(pair, "=")
	trimmed := strings.Trim(name, " \t")
	if slices.Contains(m.gate.cookies, trimmed) || m.named(InCookie, trimmed) || m.secret(strings.Trim(value, " \t")) {
		return name + "=" + Redacted
	}
	return pair
}

func (m redactor) protocol(element string) string {
	_, value, dotted := strings.Cut(strings.Trim(element, " \t"), ".")
	if !dotted {
		value = strings.Trim(element, " \t")
	}
	named := isSubprotocolCredential(m.gate.sources, strings.Trim(element, " \t"))
	if named || m.secret(value) || m.secret(decodeSubprotocol(value)) {
		return strings.Replace(element, value, Redacted, 1)
	}
	return element
}

func joined(line, separator string, edit func(string) string) string {
	parts := strings.Split(line, separator)
	for i, part := range parts {
		parts[i] = edit(part)
	}
	return strings.Join(parts, separator)
}
