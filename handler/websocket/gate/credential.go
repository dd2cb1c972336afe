package gate

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Location is a part of a request that may hold a credential.
type Location string

// The locations.
const (
	InQuery       Location = "query"
	InHeader      Location = "header"
	InCookie      Location = "cookie"
	InBearer      Location = "bearer"
	InSubprotocol Location = "subprotocol"
)

// Source is one place of a credential.
type Source struct {
	In Location
	// Name is the name of the query parameter, header or cookie, or the part of a subprotocol before its dot. The name of a
	// header is canonical. InBearer has no name.
	Name string
}

// DefaultSource is the source of routes that do not specify one.
var DefaultSource = Source{InQuery, "key"}

// presented are the credentials of a request at the sources of a route.
type presented struct {
	value   string // the first one
	decoded string // the same, decoded from base64url: a subprotocol may hold it encoded
	count   int
}

func (p *presented) add(value string) {
	if p.count == 0 {
		p.value = value
	}
	p.count++
}

// readCredentials returns the credentials of the request at the sources. The same credential in two places counts twice: the
// gate cannot know which of the two the application would read.
func readCredentials(r *http.Request, sources []Source) (presented, *Fault) {
	var p presented
	inQuery := func(name string) bool { return slices.Contains(sources, Source{InQuery, name}) }
	if fault := checkQuery(r.URL.RawQuery, inQuery); fault != nil {
		return p, fault
	}
	eachCredential(r, sources, func(value string, in Location) {
		p.add(value)
		if in == InSubprotocol {
			p.decoded = decodeSubprotocol(value)
		}
	})
	return p, nil
}

// eachCredential visits the credentials at the sources.
func eachCredential(r *http.Request, sources []Source, visit func(value string, in Location)) {
	for i := range sources {
		source := &sources[i]
		switch source.In {
		case InQuery:
			parameters(r.URL.RawQuery, func(name, value string) {
				if decode(name) == source.Name {
					visit(decode(value), InQuery)
				}
			})
		case InHeader:
			for _, value := range r.Header[source.Name] {
				visit(value, InHeader)
			}
		case InCookie:
			cookies(r.Header["Cookie"], func(name, value string) {
				if name == source.Name {
					visit(value, InCookie)
				}
			})
		case InBearer:
			for _, value := range r.Header["Authorization"] {
				if token, ok := bearerToken(value); ok {
					visit(token, InBearer)
				}
			}
		case InSubprotocol:
			elements(r.Header["Sec-Websocket-Protocol"], func(element string) {
				if value, ok := subprotocolCredential(element, source.Name); ok {
					visit(value, InSubprotocol)
				}
			})
		}
	}
}

// bearerToken parses an Authorization header (RFC 6750, 2.1). The scheme is case-insensitive (RFC 9110, 11.1).
func bearerToken(authorization string) (string, bool) {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// subprotocolCredential parses the element <name>.<credential>.
func subprotocolCredential(element, name string) (string, bool) {
	if len(element) <= len(name) || element[len(name)] != '.' || element[:len(name)] != name {
		return "", false
	}
	return element[len(name)+1:], true
}

// decodeSubprotocol decodes base64url without padding, since a token cannot hold every secret as it is. It returns "" for any
// other text.
func decodeSubprotocol(value string) string {
	decoded, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	return string(decoded)
}

// challenge is the WWW-Authenticate header of a 401 (RFC 9110, 11.6.1). The scheme is Bearer if the route has that source,
// and otherwise Key, as at other gateways.
func challenge(route *Route) string {
	scheme := "Key"
	for _, source := range route.Sources {
		if source.In == InBearer {
			scheme = "Bearer"
		}
	}
	return scheme + ` realm="` + route.Name + `"`
}

// challenge returns the WWW-Authenticate of the decision. The scheme Cookie is that of other software without a login by HTTP.
func (d *Decision) challenge() []string {
	if d.Outcome == SessionMissing {
		return []string{`Cookie realm="` + d.Route.Name + `"`}
	}
	return d.Route.challenge
}
