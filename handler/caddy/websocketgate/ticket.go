package websocketgate

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// Ticket configures the tickets of a route: JSON Web Tokens with a short lifetime. Exactly one of `secrets` and `public_key`
// is set. A ticket lists its routes in `aud` and its expiry in `exp`. Clients send it in the cookie or like the route's key.
type Ticket struct {
	// Secrets for HS256, each of at least 32 bytes, in the same notation as a key. The first signs, all verify. To rotate,
	// put the new secret first, and remove the old secret after the lifetime of its tickets.
	Secrets []string `json:"secrets,omitempty"`

	// A PEM file of public keys: Ed25519 for EdDSA, P-256 for ES256. The application signs the tickets.
	PublicKey string `json:"public_key,omitempty"`

	// Paths of pages. A final `/*` includes all pages below. Successful HTML responses set a ticket in the cookie, so
	// every client that may see the page may open the route. Requires secrets.
	IssueOn []string `json:"issue_on,omitempty"`

	// The name of the cookie. Default: `__Host-usher`. Routes that issue with the same cookie must have the same tickets.
	Cookie string `json:"cookie,omitempty"`

	// Lifetime of an issued ticket, at most an hour with `once`. An open socket outlives its ticket. Default: 10m.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// Where a ticket is valid. `client`: only from the IPv4 address or IPv6 /64 that got it. `origin`: only from pages of the
	// origin that got it. Default: everywhere.
	Bind string `json:"bind,omitempty"`

	// Whether a ticket opens only one socket of each of its routes. Handshakes in TLS early data then get 425.
	Once bool `json:"once,omitempty"`

	// Position in the configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// maxPublicKeyFile limits the size of a file of public keys, in bytes.
const maxPublicKeyFile = 1 << 20

// addTickets adds the tickets to the routes of the gate. Routes with equal ticket options share their tickets, so that a page
// gets one ticket for all of them.
func (g *Handler) addTickets(routes []*gate.Route) error {
	built := make(map[*Ticket]*keys.Tickets)
	for i, route := range g.Routes {
		ticket := route.Ticket
		if ticket == nil {
			continue
		}
		tickets := ticket.equalIn(built)
		var err error
		if tickets == nil {
			tickets, err = ticket.build()
			built[ticket] = tickets
		}
		if err == nil {
			err = g.checkPages(ticket.IssueOn)
		}
		if err != nil {
			return fmt.Errorf("websocket_gate: route %s: ticket: %w%s", route.Name, err, lifecycle.AtSource(ticket.Source))
		}
		bind, _ := parseBind(ticket.Bind)
		routes[i].Tickets = &gate.RouteTickets{
			Tickets: tickets, Cookie: ticket.Cookie, Bind: bind, Once: ticket.Once,
			Lifetime: time.Duration(ticket.Lifetime), Pages: ticket.IssueOn,
		}
	}
	return nil
}

// checkPages rejects pages on the path of a route that rejects all requests for pages.
func (g *Handler) checkPages(pages []string) error {
	for _, page := range pages {
		var rejects, passes bool
		for _, route := range g.Routes {
			if slices.ContainsFunc(route.Paths, func(pattern string) bool { return covers(pattern, page) }) {
				refuses := route.PlainHTTP == "" || route.PlainHTTP == "refuse"
				rejects, passes = rejects || refuses, passes || !refuses
			}
		}
		if rejects && !passes {
			return fmt.Errorf("issue_on: a route rejects plain HTTP on %s; write another page, or plain_http in the route", page)
		}
	}
	return nil
}

// covers reports whether all paths of one pattern are paths of another.
func covers(pattern, of string) bool {
	base, isPrefix := strings.CutSuffix(pattern, "*")
	return pattern == of || isPrefix && strings.HasPrefix(of, base)
}

// equalIn returns the tickets that were built from equal options, nil if there are none.
func (t *Ticket) equalIn(built map[*Ticket]*keys.Tickets) *keys.Tickets {
	ours := *t
	ours.Source = ""
	for other, tickets := range built {
		theirs := *other
		theirs.Source = ""
		if reflect.DeepEqual(ours, theirs) {
			return tickets
		}
	}
	return nil
}

// build returns the tickets of the options.
func (t *Ticket) build() (*keys.Tickets, error) {
	if t.Cookie != "" && (&http.Cookie{Name: t.Cookie, Value: "x"}).Valid() != nil {
		return nil, fmt.Errorf("cookie: want a cookie name, got %q", t.Cookie)
	}
	for _, page := range t.IssueOn {
		if err := gate.CheckPattern(page); err != nil {
			return nil, fmt.Errorf("issue_on: %w", err)
		}
	}
	if len(t.IssueOn) > 0 && t.PublicKey != "" {
		return nil, errors.New("issue_on: a public key cannot sign tickets; write a secret")
	}
	bind, err := parseBind(t.Bind)
	if err != nil {
		return nil, err
	}
	config := keys.TicketConfig{Lifetime: time.Duration(t.Lifetime), Bind: bind, Once: t.Once}
	for _, secret := range t.Secrets {
		resolved, err := resolveSecret(secret)
		if err != nil {
			return nil, fmt.Errorf("secret: %w", err)
		}
		config.Secrets = append(config.Secrets, resolved)
	}
	if t.PublicKey != "" {
		if config.PublicKey, err = readPublicKey(t.PublicKey); err != nil {
			return nil, fmt.Errorf("public_key: %w", err)
		}
	}
	return keys.NewTickets(config)
}

// readPublicKey reads a file of public keys.
func readPublicKey(path string) ([]byte, error) {
	resolved, err := lifecycle.Resolve(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(resolved)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file; write the path of a PEM file", resolved)
	case info.Size() > maxPublicKeyFile:
		return nil, fmt.Errorf("%s: want at most %d bytes, got %d", resolved, maxPublicKeyFile, info.Size())
	}
	return os.ReadFile(resolved)
}

// cookieName returns the name of the cookie.
func (t *Ticket) cookieName() string { return cmp.Or(t.Cookie, gate.DefaultTicketCookie) }

func parseBind(bind string) (keys.Bind, error) {
	switch bind {
	case "":
		return keys.BindNone, nil
	case "client":
		return keys.BindClient, nil
	case "origin":
		return keys.BindOrigin, nil
	default:
		return keys.BindNone, fmt.Errorf("bind: want client or origin, got %q", bind)
	}
}

// warnOfPlainCookie warns once of a ticket in a page without HTTPS: browsers drop Secure cookies there, except on the machine
// itself. The page, unlike the configuration, tells whether a trusted proxy terminates TLS.
func (g *Handler) warnOfPlainCookie(r *http.Request) {
	scheme, host := request.ExternalOrigin(r)
	if scheme == "https" || isLoopback(withoutPort(host)) {
		return
	}
	g.plain.Do(func() {
		g.logger.Warn("ticket set without HTTPS; browsers drop it", zap.String("host", host),
			zap.String("source", g.Routes[0].Source), zap.String("see", "trusted_proxies"))
	})
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// logNotIssued logs a page that was sent without its ticket. The gate will reject the sockets of the page.
func (g *Handler) logNotIssued(r *http.Request, err error) {
	g.logger.Error("page sent without ticket", zap.String("path", r.URL.Path), zap.Error(err))
}

// usedTickets records the used tickets of the process, so that a reload does not permit a second use. It needs up to 25 MB. It
// is not in a usage pool, which a configuration without a gate would empty.
var usedTickets = keys.NewUsedTickets(1 << 18)
