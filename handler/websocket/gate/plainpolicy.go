package gate

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// PlainPolicy is what the gate does with requests to a route's path that stay HTTP: the polling of socket.io, the queries of
// GraphQL, the /info of SockJS.
type PlainPolicy uint8

// The policies.
const (
	// PlainRefuse rejects them as [NotWebSocket].
	PlainRefuse PlainPolicy = iota
	// PlainCheck requires the same credential and origin as for a handshake.
	PlainCheck
	// PlainPass passes them unchecked.
	PlainPass
)

// ParsePlainPolicy parses refuse, check or pass. The empty word is refuse.
func ParsePlainPolicy(word string) (PlainPolicy, error) {
	switch word {
	case "", "refuse":
		return PlainRefuse, nil
	case "check":
		return PlainCheck, nil
	case "pass":
		return PlainPass, nil
	default:
		return PlainRefuse, fmt.Errorf("want refuse, check or pass, got %q", word)
	}
}

// decideHTTP decides about a request that stays HTTP. route is nil outside the routes.
func (g *Gate) decideHTTP(r *http.Request, route *Route) *Decision {
	switch {
	case route != nil:
		return g.decidePlain(r, route)
	case g.checks && g.table.hidesChecked(r.URL.Path):
		return &Decision{Outcome: Unlisted, Plain: true, Fault: &faultDisguised}
	default:
		return g.decidePage(r)
	}
}

// decidePlain decides about a request that stays HTTP and asks for the path of a route.
func (g *Gate) decidePlain(r *http.Request, route *Route) *Decision {
	switch route.Plain {
	case PlainPass:
		return &Decision{Route: route, Plain: true, issuers: g.decidePage(r).issuers}
	case PlainCheck:
		d := &Decision{Route: route, Plain: true}
		g.decideAccess(r, d)
		if d.Outcome == Accepted && !g.admitsOrigin(r, route) {
			d.Outcome, d.Detail = OriginDenied, g.originDetail(r, route)
		}
		return d
	default:
		return &Decision{Outcome: NotWebSocket, Route: route}
	}
}

// servePlain forwards a request that was checked.
func (g *Gate) servePlain(w http.ResponseWriter, r *http.Request, d *Decision, next Next) error {
	replaceCredential(r, d)
	return g.pass(w, r, nil, next)
}

var faultDisguised = Fault{http.StatusForbidden, "some servers read this path as that of a route whose requests are checked"}

// hidesChecked reports whether some servers read the path as that of a route with [PlainCheck]. Such a request must not pass
// unchecked.
func (t *Table) hidesChecked(p string) bool {
	for _, form := range pathForms(p) {
		form = strings.TrimSuffix(path.Clean("/"+form), "/") + "/"
		for listed, route := range t.exact {
			if route.Plain == PlainCheck && form == strings.TrimSuffix(fold(unescape(listed)), "/")+"/" {
				return true
			}
		}
		for _, prefix := range t.prefixes {
			if prefix.route.Plain == PlainCheck && strings.HasPrefix(form, fold(unescape(prefix.path))) {
				return true
			}
		}
	}
	return false
}
