package gate

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// UpstreamCredential is what the application gets instead of the client's credential.
type UpstreamCredential struct {
	Place  Place // InQuery or InHeader
	Name   string
	Secret string
}

// hide takes the credential out of every place of the request that could hold it, the sources of the route and any
// other, in every one of its [keys.Encodings], and leaves every other byte as it was.
func hide(r *http.Request, d *Decision) {
	e := eraser{sources: d.Route.places, secrets: append(keys.Encodings(d.value), keys.Encodings(d.decoded)...)}
	r.URL.RawQuery = editQuery(r.URL.RawQuery, e.parameter)
	r.URL.ForceQuery = r.URL.ForceQuery && r.URL.RawQuery == ""
	r.RequestURI = r.URL.RequestURI()
	e.headers(r.Header)
}

// eraser knows what has to go: everything under the names of the sources, and whatever holds one of the secrets.
type eraser struct {
	sources []Source
	secrets []string
}

func (e eraser) named(place Place, name string) bool {
	for _, source := range e.sources {
		if source.Place == place && source.Name == name {
			return true
		}
	}
	return false
}

func (e eraser) holds(value string) bool {
	decoded := decode(value)
	for _, secret := range e.secrets {
		if strings.Contains(value, secret) || strings.Contains(decoded, secret) {
			return true
		}
	}
	return false
}

func (e eraser) parameter(raw, name, value string) (string, bool) {
	return raw, !e.named(InQuery, name) && !e.holds(value) && !e.holds(name)
}

func (e eraser) headers(header http.Header) {
	for name, lines := range header {
		var kept []string
		for _, line := range lines {
			if line = e.line(name, line); line != "" {
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

// line is one header line without the credential; "" drops it.
func (e eraser) line(name, line string) string {
	switch {
	case e.named(InHeader, name):
		return ""
	case name == "Cookie":
		line = e.cookieLine(line)
	case name == "Sec-Websocket-Protocol":
		line = e.protocolLine(line)
	case name == "Referer":
		line = e.referer(line)
	case name == "Authorization" && e.named(InBearer, ""):
		if _, bearer := bearerToken(line); bearer {
			return ""
		}
	}
	if e.holds(line) {
		return ""
	}
	return line
}

func (e eraser) cookieLine(line string) string {
	pairs := strings.Split(line, ";")
	kept := pairs[:0:len(pairs)]
	for _, pair := range pairs {
		name, _, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
		if e.named(InCookie, strings.Trim(name, " \t")) || e.holds(pair) {
			continue
		}
		kept = append(kept, pair)
	}
	if len(kept) == len(pairs) {
		return line
	}
	return strings.TrimLeft(strings.Join(kept, ";"), " \t")
}

func (e eraser) protocolLine(line string) string {
	all := strings.Split(line, ",")
	kept := all[:0:len(all)]
	for _, element := range all {
		if e.protocolElement(strings.Trim(element, " \t")) {
			continue
		}
		kept = append(kept, element)
	}
	if len(kept) == len(all) {
		return line
	}
	return strings.TrimLeft(strings.Join(kept, ","), " \t")
}

func (e eraser) protocolElement(element string) bool {
	return isSubprotocolCredential(e.sources, element) || e.holds(element)
}

func (e eraser) referer(line string) string {
	before, rest, found := strings.Cut(line, "?")
	if !found {
		return line
	}
	query, fragment, hasFragment := strings.Cut(rest, "#")
	query = editQuery(query, e.parameter)
	if query != "" {
		before += "?" + query
	}
	if hasFragment {
		before += "#" + fragment
	}
	return before
}

// replace gives the application a credential of its own, and nothing of the client's under that name: applications read the
// first of two parameters, or the last.
func (u *UpstreamCredential) replace(r *http.Request) {
	if u.Place == InHeader {
		r.Header[u.Name] = []string{u.Secret}
		return
	}
	query := editQuery(r.URL.RawQuery, func(raw, name, _ string) (string, bool) { return raw, name != u.Name })
	if query != "" {
		query += "&"
	}
	r.URL.RawQuery = query + url.QueryEscape(u.Name) + "=" + url.QueryEscape(u.Secret)
}
