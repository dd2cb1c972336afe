package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// Redacted stands in a log where a credential stood.
const Redacted = "REDACTED"

// Redaction is what the logs may show of a request that holds a credential, with every credential replaced.
type Redaction struct {
	URI    string
	Header http.Header

	later redactor
}

// Redact returns nil where there is nothing to replace, which costs no allocation. What tries to open a socket, or asks
// for the path of a route, has its credentials replaced by the names they stand under, good or bad, and is never nil: a
// server may have dropped headers that its log still holds. Any other request has only such values replaced as are keys.
// d is what became of the request, nil where that is not known yet.
func (g *Gate) Redact(r *http.Request, d *Decision) *Redaction {
	m := redactor{gate: g, byName: ReadHandshake(r) != PlainHTTP || g.table.Lookup(r.URL) != nil}
	if m.byName {
		m.notePresented(r)
	}
	if !m.byName && !m.suspects(r) {
		return nil
	}
	left := maxLoggedParts
	m.left = &left
	uri := m.target(r.RequestURI)
	header, changed := m.header(r.Header)
	if !m.byName && !changed && uri == r.RequestURI {
		return nil
	}
	if !changed {
		header = header.Clone() // later handlers may change it
	}
	if !m.byName {
		m.notePresented(r) // later handlers may put it elsewhere
	}
	redaction := &Redaction{URI: uri, Header: header}
	if d != nil && d.Outcome == Accepted && d.Route.Upstream != nil {
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
