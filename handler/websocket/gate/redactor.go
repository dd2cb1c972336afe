package gate

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// Redactor replaces the credentials of one request, wherever they stand. The work grows linearly with the length of a text.
type Redactor struct {
	gate *Gate
	// presented are the encodings of the values at the sources of the request, whether they are keys or not: other parts of
	// the request may repeat them.
	presented []encoding
}

// encoding is one text in which a presented value may stand.
type encoding struct {
	text    string
	encoded bool // it is not the value itself
}

// newRedactor returns the redactor of what no request presents: keys, tickets and upstream credentials.
func newRedactor(g *Gate) *Redactor {
	m := &Redactor{gate: g}
	for _, route := range g.config.Routes {
		if route.Upstream != nil {
			m.present(route.Upstream.Secret)
		}
	}
	return m
}

// present adds a value that is replaced in every encoding.
func (m *Redactor) present(value string) {
	if len(value) < keys.MinSecretLength {
		return
	}
	for i, text := range keys.Encodings(value) {
		m.presented = append(m.presented, encoding{text, i > 0})
	}
}

// maxPresented bounds the values that are searched for elsewhere. A request with more than one is rejected; each is replaced
// where it stands.
const maxPresented = 6

// Redactor returns the redactor of a request. d is the decision about the request; it may be nil.
func (g *Gate) Redactor(r *http.Request, d *Decision) *Redactor {
	m := &Redactor{gate: g}
	var values []string
	present := func(value string) {
		if len(value) < keys.MinSecretLength || len(values) == maxPresented || slices.Contains(values, value) {
			return
		}
		values = append(values, value)
		m.present(value)
	}
	if d != nil { // the request may hold them no more, or not yet
		present(d.value)
		present(d.decoded)
		if d.Route != nil && d.Route.Upstream != nil {
			present(d.Route.Upstream.Secret)
		}
	}
	cookies(r.Header["Cookie"], func(name, value string) {
		if g.holdsSecret(name) {
			present(value)
		}
	})
	eachCredential(r, g.sources, func(value string, in Location) {
		present(value)
		if in == InSubprotocol {
			present(decodeSubprotocol(value))
		}
	})
	return m
}

// span is a part of a text that holds a credential.
type span struct{ start, end int }

// replace replaces the credentials that stand in the text as it is.
func (m *Redactor) replace(text string) string {
	if len(text) < keys.MinSecretLength {
		return text
	}
	spans := m.spans(text)
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var redacted strings.Builder
	end := 0
	for _, s := range spans {
		if s.start >= end {
			redacted.WriteString(text[end:s.start])
			redacted.WriteString(Redacted)
		}
		end = max(end, s.end)
	}
	redacted.WriteString(text[end:])
	return redacted.String()
}

func (m *Redactor) spans(text string) []span {
	var spans []span
	add := func(start, end int, encoded bool) {
		if encoded { // the characters around it hold bits of the credential too
			start, end = base64Around(text, start, end)
		}
		spans = append(spans, span{start, end})
	}
	m.gate.Ring().Find(text, func(match keys.Match) { add(match.Start, match.End, match.Encoded) })
	for _, p := range m.presented {
		for from := 0; ; {
			at := strings.Index(text[from:], p.text)
			if at < 0 {
				break
			}
			add(from+at, from+at+len(p.text), p.encoded)
			from = spans[len(spans)-1].end
		}
	}
	if len(m.gate.cookies) > 0 {
		eachTicket(text, func(start, end int) { add(start, end, false) })
	}
	return spans
}

func base64Around(text string, start, end int) (int, int) {
	if start > 0 && isBase64(text[start-1]) {
		start--
	}
	if end < len(text) && isBase64(text[end]) {
		end++
	}
	for end < len(text) && text[end] == '=' {
		end++
	}
	return start, end
}

func isBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_+/=", c) >= 0
}

// ticketStart is the base64 of a brace and a quote, with which the header of every ticket begins.
const ticketStart = "eyJ"

// eachTicket visits what has the form of a ticket.
func eachTicket(text string, visit func(start, end int)) {
	for start := 0; start < len(text); {
		at := strings.Index(text[start:], ticketStart)
		if at < 0 {
			return
		}
		start += at
		end, dots := start, 0
		for end < len(text) && (text[end] == '.' && dots < 2 || text[end] != '.' && isBase64(text[end])) {
			if text[end] == '.' {
				dots++
			}
			end++
		}
		if dots == 2 {
			visit(start, end)
		}
		start = max(end, start+1)
	}
}

// Text redacts a text without a known format. If a credential appears only once the text is unescaped, nothing of the text is shown.
func (m *Redactor) Text(text string) string {
	redacted := m.replace(text)
	eachDecoding(redacted, func(decoded string) bool {
		if m.replace(decoded) == decoded {
			return true
		}
		redacted = Redacted
		return false
	})
	return redacted
}

// Name redacts a text in which case does not matter: a host, an origin, the name of a field. Clients change its case.
func (m *Redactor) Name(text string) string {
	if len(text) < keys.MinSecretLength {
		return text
	}
	if lower := strings.ToLower(text); lower != text && m.Text(lower) != lower {
		return Redacted
	}
	return m.Text(text)
}

// target redacts a request target or a URL.
func (m *Redactor) target(uri string) string {
	before, rest, hasQuery := strings.Cut(uri, "?")
	before = m.Path(before)
	if !hasQuery {
		return before
	}
	query, fragment, hasFragment := strings.Cut(rest, "#")
	uri = before + "?" + joined(m.replace(query), "&", m.parameter)
	if hasFragment {
		uri += "#" + m.Text(fragment)
	}
	return uri
}

// parameter redacts a parameter. Some parsers split it at semicolons.
func (m *Redactor) parameter(raw string) string { return joined(raw, ";", m.subparameter) }

func (m *Redactor) subparameter(raw string) string {
	name, _, hasValue := strings.Cut(raw, "=")
	if hasValue && m.namesParameter(decode(name)) {
		return name + "=" + Redacted
	}
	return m.Text(raw)
}

func (m *Redactor) namesParameter(name string) bool { return m.names(InQuery, name) }

// names reports a source of the gate. It ignores case, since a client may send its key as Key.
func (m *Redactor) names(in Location, name string) bool {
	return slices.ContainsFunc(m.gate.sources, func(source Source) bool {
		return source.In == in && strings.EqualFold(source.Name, name)
	})
}

// Path redacts the path of a request, decoded or not. A client that forgets the question mark sends its key in the path.
func (m *Redactor) Path(path string) string {
	if len(path) < keys.MinSecretLength {
		return path
	}
	return joined(m.replace(path), "/", m.segment)
}

// RequestPath returns the decoded path of a request, redacted. Escapes are evidence: only before %3F or %2F is decoded is it known
// what belongs to the key.
func (m *Redactor) RequestPath(u *url.URL) string {
	escaped := u.EscapedPath()
	redacted := m.Path(escaped)
	if decoded := unescape(redacted); decoded != redacted {
		return m.Path(decoded)
	}
	return redacted
}

// segment redacts a path segment, which may hold parameters: a client may forget the question mark or escape it.
func (m *Redactor) segment(segment string) string {
	if strings.Contains(segment, "=") {
		segment = joined(segment, "&", m.parameter)
	}
	hidden := false
	eachDecoding(segment, func(decoded string) bool {
		hidden = hidden || decoded != segment && m.containsParameter(decoded)
		return !hidden
	})
	if hidden {
		return Redacted
	}
	return m.Text(segment)
}

func (m *Redactor) containsParameter(text string) bool {
	for parameter := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune("?&;/", c) }) {
		if name, _, hasValue := strings.Cut(parameter, "="); hasValue && m.namesParameter(name) {
			return true
		}
	}
	return false
}

// header returns a copy.
func (m *Redactor) header(header http.Header) http.Header {
	redacted := header.Clone()
	for name, lines := range redacted {
		canonical := http.CanonicalHeaderKey(name) // proxies write Sec-WebSocket-Protocol
		for i, line := range lines {
			lines[i] = m.line(canonical, line)
		}
		if shown := m.Name(name); shown != name {
			delete(redacted, name)
			redacted[shown] = append(redacted[shown], lines...)
		}
	}
	return redacted
}

func (m *Redactor) line(name, line string) string {
	switch name {
	case "Referer":
		if before, _, _ := strings.Cut(line, "?"); m.Name(before) == Redacted {
			return Redacted
		}
		return m.target(line)
	case "Origin":
		return m.Name(line)
	case "Cookie":
		return joined(line, ";", m.cookie)
	case "Set-Cookie":
		pair, attributes, _ := strings.Cut(line, ";")
		if redacted := m.cookie(pair); redacted != pair {
			return redacted + line[len(line)-len(attributes):]
		}
	case "Sec-Websocket-Protocol":
		return joined(line, ",", m.protocol)
	case "Authorization":
		if _, bearer := bearerToken(line); bearer && m.names(InBearer, "") {
			return "Bearer " + Redacted
		}
	}
	if m.names(InHeader, name) {
		return Redacted
	}
	return m.Text(line)
}

func (m *Redactor) cookie(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	trimmed := strings.Trim(name, " \t")
	if m.gate.holdsSecret(trimmed) || m.names(InCookie, trimmed) {
		return name + "=" + Redacted
	}
	return m.Text(pair)
}

// holdsSecret reports the cookies of tickets and sessions.
func (g *Gate) holdsSecret(cookie string) bool {
	return slices.Contains(g.cookies, cookie) || slices.Contains(g.sessions, cookie)
}

func (m *Redactor) protocol(element string) string {
	trimmed := strings.Trim(element, " \t")
	prefix, value, dotted := strings.Cut(trimmed, ".")
	if dotted && isSubprotocolCredential(m.gate.sources, trimmed) {
		return strings.Replace(element, prefix+"."+value, prefix+"."+Redacted, 1)
	}
	return m.Text(element)
}

func joined(line, separator string, edit func(string) string) string {
	if !strings.Contains(line, separator) {
		return edit(line)
	}
	parts := strings.Split(line, separator)
	for i, part := range parts {
		parts[i] = edit(part)
	}
	return strings.Join(parts, separator)
}
