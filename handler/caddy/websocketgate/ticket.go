package websocketgate

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// GateTicket is which tickets open a route: JSON Web Tokens that end soon. Exactly one of `secrets` and `public_key` is
// set. A ticket names the routes that it opens in `aud`, and its end in `exp`. It stands in the cookie, or where the
// route's key may stand.
type Ticket struct {
	// Secrets for HS256, each of at least 32 bytes, written as a key's. The first signs, all verify: a new one goes in
	// front, and the old one away after the lifetime of its tickets.
	Secrets []string `json:"secrets,omitempty"`

	// A file of public keys, PEM: Ed25519 for EdDSA, P-256 for ES256. The application signs.
	PublicKey string `json:"public_key,omitempty"`

	// Paths of pages, with a final `/*` all below them: their successful HTML carries a ticket in the cookie. Whoever may
	// see the page may open the route. Needs secrets.
	IssueOn []string `json:"issue_on,omitempty"`

	// The cookie. Default: `__Host-usher`. Routes that issue by one cookie have the same tickets.
	Cookie string `json:"cookie,omitempty"`

	// How long an issued ticket is good, at most an hour with `once`. An open socket outlives its ticket. Default: 10m.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// `client`: a ticket is good from the IPv4 address or IPv6 /64 that it was issued to; `origin`: from pages of the
	// origin that it was issued to. Default: from anywhere.
	Bind string `json:"bind,omitempty"`

	// A ticket opens one socket of each of its routes, and no second one. Handshakes in TLS early data get 425.
	Once bool `json:"once,omitempty"`

	// Where it stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// maxPublicKeyFile is more than any sensible number of public keys.
const maxPublicKeyFile = 1 << 20

// coreTickets builds the tickets of all routes. Routes of one configuration of tickets share what it makes: the gate puts
// one ticket for all of them on a page.
func (g *Handler) coreTickets(routes []*gate.Route) error {
	made := make(map[*Ticket]*keys.Tickets)
	for i, route := range g.Routes {
		ticket := route.Ticket
		if ticket == nil {
			continue
		}
		tickets := ticket.sharedWith(made)
		var err error
		if tickets == nil {
			tickets, err = ticket.core()
			made[ticket] = tickets
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

func (t *Ticket) sharedWith(made map[*Ticket]*keys.Tickets) *keys.Tickets {
	ours := *t
	ours.Source = ""
	for other, tickets := range made {
		theirs := *other
		theirs.Source = ""
		if reflect.DeepEqual(ours, theirs) {
			return tickets
		}
	}
	return nil
}

func (t *Ticket) core() (*keys.Tickets, error) {
	if t.Cookie != "" && (&http.Cookie{Name: t.Cookie, Value: "x"}).Valid() != nil {
		return nil, fmt.Errorf("cookie: want a cookie's name, got %q", t.Cookie)
	}
	for _, page := range t.IssueOn {
		if !strings.HasPrefix(page, "/") {
			return nil, fmt.Errorf("issue_on: want paths that begin with a slash, got %q", page)
		}
		if strings.Contains(strings.TrimSuffix(page, "/*"), "*") {
			return nil, fmt.Errorf("issue_on: want a * only as the last segment, as in /screens/*, got %q", page)
		}
		if strings.ContainsAny(page, "?#%{}") {
			return nil, fmt.Errorf("issue_on: want a decoded path, without ?, #, %% and placeholders, got %q", page)
		}
	}
	if len(t.IssueOn) > 0 && t.PublicKey != "" {
		return nil, errors.New("issue_on: want a secret to sign with, got a public key")
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

func readPublicKey(path string) ([]byte, error) {
	resolved, err := caddy.NewReplacer().ReplaceOrErr(path, true, true)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(resolved)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: want a regular file, got something else", resolved)
	case info.Size() > maxPublicKeyFile:
		return nil, fmt.Errorf("%s: want at most %d bytes, got %d", resolved, maxPublicKeyFile, info.Size())
	}
	return os.ReadFile(resolved)
}

func parseBind(word string) (keys.Bind, error) {
	switch word {
	case "":
		return keys.BindNone, nil
	case "client":
		return keys.BindClient, nil
	case "origin":
		return keys.BindOrigin, nil
	default:
		return keys.BindNone, fmt.Errorf("bind: want client or origin, got %q", word)
	}
}

// notIssued says that a page goes without its ticket: its sockets will be refused.
func (g *Handler) notIssued(r *http.Request, err error) {
	g.logger.Error("a page carries no ticket", zap.String("path", r.URL.Path), zap.Error(err))
}

// spentTickets is the process's: no reload gives a ticket a second use. It takes up to 25 MB.
var spentTickets = keys.NewSpent(1 << 18)
