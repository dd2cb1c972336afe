package gate

import (
	"net/http"
	"strings"
)

// Redacted stands in a log in place of a credential.
const Redacted = "REDACTED"

// Redaction is what the logs may show of a request to a route, with every credential replaced.
type Redaction struct {
	Host, URI     string
	Method, Proto string
	Header        http.Header

	redactor *Redactor
}

// MayHoldCredential reports whether logs must show the request redacted: it asks for a route or for another protocol.
func MayHoldCredential(r *http.Request, d *Decision) bool {
	return d.Outcome != Passed || d.Route != nil || ReadHandshake(r) != PlainHTTP
}

// Redact replaces the values at the sources of the gate, good or bad, and every key and ticket wherever it stands. The request is
// as the client sent it, d is the decision about it. The work grows linearly with the size of the request.
func (g *Gate) Redact(r *http.Request, d *Decision) *Redaction {
	m := g.Redactor(r, d)
	return &Redaction{
		Host: m.Name(r.Host), URI: m.target(r.RequestURI), Method: m.Name(r.Method), Proto: m.Name(r.Proto), Header: m.header(r.Header), redactor: m,
	}
}

// Of returns a copy of the request that was redacted, as the logs may show it.
func (r *Redaction) Of(request *http.Request) *http.Request {
	shown := request.WithContext(request.Context())
	shown.Host, shown.RequestURI, shown.Method, shown.Proto, shown.Header = r.Host, r.URI, r.Method, r.Proto, r.Header
	if request.TLS != nil && request.TLS.ServerName != "" {
		state := *request.TLS
		state.ServerName = r.redactor.Name(state.ServerName)
		shown.TLS = &state
	}
	return shown
}

// HeaderOf redacts the header of a response, or of the request that a later handler makes. It returns a copy.
func (r *Redaction) HeaderOf(header http.Header) http.Header { return r.redactor.header(header) }

// TextOf redacts a text into which a later handler may have put a credential.
func (r *Redaction) TextOf(text string) string { return r.redactor.Text(text) }

// RedactText replaces the keys, the tickets and the upstream credentials of the gate in a text of any request.
func (g *Gate) RedactText(text string) string { return g.ofAnyRequest.Text(text) }

// RedactField replaces the credentials in a field of a log of any request: a header field, a URL or another text. A value is
// replaced by its name where the field is a source of the gate, or where the value is a URL with such a parameter.
func (g *Gate) RedactField(name, value string) string {
	m := g.ofAnyRequest
	value = m.line(http.CanonicalHeaderKey(name), value)
	if strings.Contains(value, "?") {
		return m.target(value)
	}
	return value
}
