package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// Redacted stands in a log where a credential stood.
const Redacted = "REDACTED"

// Redaction is what the logs may show of a request that may hold a credential, with every credential replaced.
type Redaction struct {
	URI    string
	Header http.Header

	later redactor
}

// MayHoldCredential reports whether the logs may show the request redacted alone: it asks for a route or for another protocol.
func MayHoldCredential(r *http.Request, d *Decision) bool {
	return d.Outcome != Passed || ReadHandshake(r) != PlainHTTP
}

// Redact replaces the credentials of a request: what stands at one of the sources, good or bad, and every key of this gate. The
// request is as the client sent it.
func (g *Gate) Redact(r *http.Request, d *Decision) *Redaction {
	m := redactor{gate: g}
	m.notePresented(r)
	left := maxLoggedParts
	m.left = &left
	redaction := &Redaction{URI: m.target(r.RequestURI)}
	redaction.Header, _ = m.header(r.Header)
	if d.Outcome == Accepted && d.Route.Upstream != nil {
		m.presented = append(m.presented, d.Route.Upstream.Secret)
	}
	redaction.later = m
	return redaction
}

// Of returns a copy of the request that was redacted, as the logs may show it.
func (r *Redaction) Of(request *http.Request) *http.Request {
	shown := request.WithContext(request.Context())
	shown.RequestURI, shown.Header = r.URI, r.Header
	return shown
}

func (r *Redaction) withoutPresented(text string) string {
	for _, presented := range r.later.presented {
		text = strings.ReplaceAll(text, presented, Redacted)
		text = strings.ReplaceAll(text, url.PathEscape(presented), Redacted)
	}
	return text
}

// HeaderOf redacts what a later handler made of the request's headers, or of an answer's. What holds nothing to redact is
// returned itself, anything else is copied.
func (r *Redaction) HeaderOf(header http.Header) http.Header {
	m, left := r.later, maxLoggedParts
	m.left = &left
	redacted, _ := m.header(header)
	return redacted
}

// TextOf redacts a text of no form in which a later handler may have put a credential.
func (r *Redaction) TextOf(text string) string {
	m, left := r.later, maxLoggedParts
	m.left = &left
	return m.line("", r.withoutPresented(text))
}
