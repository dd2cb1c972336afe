package gate

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// Place is a part of a request in which a credential may stand.
type Place string

// The places.
const (
	InQuery       Place = "query"
	InHeader      Place = "header"
	InCookie      Place = "cookie"
	InBearer      Place = "bearer"
	InSubprotocol Place = "subprotocol"
)

// Source is one place where a route looks for a credential.
type Source struct {
	Place Place
	// Name is that of the query parameter, header or cookie, or what stands before the dot in a subprotocol.
	// A header's is in canonical form. InBearer has none.
	Name string
}

// DefaultSource is where a route looks if it does not say.
var DefaultSource = Source{InQuery, "key"}

// presented is what a request holds at the sources of a route.
type presented struct {
	value   string // the first that was found
	decoded string // the same, read as base64url: a subprotocol may hold it so
	count   int
}

func (p *presented) add(value string) {
	if p.count == 0 {
		p.value = value
	}
	p.count++
}

// readCredentials collects what the request presents at the sources. The same credential in two places counts twice:
// which of the two the application would read is nothing that a gate can know.
func readCredentials(r *http.Request, sources []Source) (presented, *Fault) {
	var p presented
	if !decodable(r.URL.RawQuery) {
		return p, &faultQuery
	}
	eachCredential(r, sources, func(value string, place Place) {
		p.add(value)
		if place == InSubprotocol {
			p.decoded = decodeSubprotocol(value)
		}
	})
	return p, nil
}

// eachCredential visits every credential that stands at one of the sources.
func eachCredential(r *http.Request, sources []Source, visit func(value string, place Place)) {
	for i := range sources {
		source := &sources[i]
		switch source.Place {
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

// bearerToken reads an Authorization header (RFC 6750, 2.1). The scheme is case-insensitive (RFC 9110, 11.1).
func bearerToken(authorization string) (string, bool) {
	scheme, token, found := strings.Cut(authorization, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// subprotocolCredential reads the element <name>.<credential>.
func subprotocolCredential(element, name string) (string, bool) {
	if len(element) <= len(name) || element[len(name)] != '.' || element[:len(name)] != name {
		return "", false
	}
	return element[len(name)+1:], true
}

// decodeSubprotocol reads base64url without padding; a token may hold no other form of most secrets. "" if it is none.
func decodeSubprotocol(value string) string {
	decoded, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return ""
	}
	return string(decoded)
}

// challenge is the WWW-Authenticate header of a 401 (RFC 9110, 11.6.1): Bearer where the route reads one, otherwise the
// scheme that gateways use for keys.
func challenge(route *Route) string {
	scheme := "Key"
	for _, source := range route.Sources {
		if source.Place == InBearer {
			scheme = "Bearer"
		}
	}
	return scheme + ` realm="` + route.Name + `"`
}
