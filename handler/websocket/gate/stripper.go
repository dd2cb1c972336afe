package gate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// UpstreamCredential replaces the client's credential in the request to the application.
type UpstreamCredential struct {
	In     Location // InQuery or InHeader
	Name   string
	Secret string
}

// strip removes the credential from the request: at the sources of the route, and wherever one of its [keys.Encodings] is. It
// leaves every other byte unchanged.
func strip(r *http.Request, d *Decision) {
	s := stripper{sources: d.Route.allSources, secrets: append(keys.Encodings(d.value), keys.Encodings(d.decoded)...)}
	r.URL.RawQuery = editQuery(r.URL.RawQuery, s.parameter)
	r.URL.ForceQuery = r.URL.ForceQuery && r.URL.RawQuery == ""
	r.RequestURI = r.URL.RequestURI()
	s.headers(r.Header)
}

// stripper removes everything under the names of the sources, and whatever contains one of the secrets.
type stripper struct {
	sources []Source
	secrets []string
}

func (s stripper) named(in Location, name string) bool {
	for _, source := range s.sources {
		if source.In == in && source.Name == name {
			return true
		}
	}
	return false
}

func (s stripper) contains(value string) bool {
	decoded := decode(value)
	for _, secret := range s.secrets {
		if strings.Contains(value, secret) || strings.Contains(decoded, secret) {
			return true
		}
	}
	return false
}

func (s stripper) parameter(raw, name, value string) (string, bool) {
	return raw, !s.named(InQuery, name) && !s.contains(value) && !s.contains(name)
}

func (s stripper) headers(header http.Header) {
	for name, lines := range header {
		var kept []string
		for _, line := range lines {
			if line = s.line(name, line); line != "" {
				kept = append(kept, line)
			}
		}
		if len(kept) == 0 && len(lines) > 0 {
			delete(header, name)
			continue
		}
		header[name] = kept
	}
}

// line returns a header line without the credential; "" drops the line.
func (s stripper) line(name, line string) string {
	switch {
	case s.named(InHeader, name):
		return ""
	case name == "Cookie":
		line = s.cookieLine(line)
	case name == "Sec-Websocket-Protocol":
		line = s.protocolLine(line)
	case name == "Referer":
		line = s.referer(line)
	case name == "Authorization" && s.named(InBearer, ""):
		if _, bearer := bearerToken(line); bearer {
			return ""
		}
	}
	if s.contains(line) {
		return ""
	}
	return line
}

func (s stripper) cookieLine(line string) string {
	return withoutElements(line, ";", func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return s.named(InCookie, strings.Trim(name, " \t")) || s.contains(pair)
	})
}

func (s stripper) protocolLine(line string) string {
	return withoutElements(line, ",", s.protocolElement)
}

func (s stripper) protocolElement(element string) bool {
	return isSubprotocolCredential(s.sources, element) || s.contains(element)
}

func (s stripper) referer(line string) string {
	before, rest, found := strings.Cut(line, "?")
	if !found {
		return line
	}
	query, fragment, hasFragment := strings.Cut(rest, "#")
	query = editQuery(query, s.parameter)
	if query != "" {
		before += "?" + query
	}
	if hasFragment {
		before += "#" + fragment
	}
	return before
}

// replace adds the application's credential. It removes what the client sent under the same name, since applications read
// either the first of two parameters or the last.
func (u *UpstreamCredential) replace(r *http.Request) {
	if u.In == InHeader {
		r.Header[u.Name] = []string{u.Secret}
		return
	}
	query := editQuery(r.URL.RawQuery, func(raw, name, _ string) (string, bool) { return raw, name != u.Name })
	if query != "" {
		query += "&"
	}
	r.URL.RawQuery = query + url.QueryEscape(u.Name) + "=" + url.QueryEscape(u.Secret)
}
