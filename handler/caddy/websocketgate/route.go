package websocketgate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/generation"
	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// GateRoute is one kind of socket.
type Route struct {
	// The route's name in logs, metrics and errors. Letters, digits, `_`, `-` and `.`.
	Name string `json:"name"`

	// The paths of the route: `/ws/chat/` is that path alone, `/ws/chat/*` is all below it.
	Paths []string `json:"paths"`

	// The keys that open it. At least one, or a file of keys, or tickets.
	Keys []*Key `json:"keys,omitempty"`

	// Files of keys: a label and a secret a line (and perhaps `from` and `until`), or a dotenv file. They are followed as
	// they change; a change that cannot be used leaves the last good keys in force.
	KeysFiles []string `json:"keys_files,omitempty"`

	// Where the key may stand. Default: the query parameter `key`.
	Credentials []Credential `json:"credentials,omitempty"`

	// Whether the key is kept from the application. Default: it is forwarded as it came.
	HideCredentials bool `json:"hide_credentials,omitempty"`

	// What the application gets instead of the client's key, which is hidden then.
	UpstreamCredential *UpstreamCredential `json:"upstream_credential,omitempty"`

	// Signed credentials that end soon, beside keys or instead of them.
	Ticket *Ticket `json:"ticket,omitempty"`

	// Which pages may open it: `same` (default: those of this site), `any`, or origins such as `https://example.com`,
	// `https://*.example.com`, `capacitor://localhost`, `file://` and `null`. A request without Origin comes from no browser and
	// is not checked.
	Origins []string `json:"origins,omitempty"`

	// Which pages are recent enough to open it, by the generation of the assets that they were served with (`versioned_assets`
	// with `stamp html`): `current`, or `previous` for that and the one before. A client that names none is not asked.
	// Default: all.
	MinGeneration string `json:"min_generation,omitempty"`

	// What happens to requests to the route's paths that stay HTTP, such as the polling of socket.io: `refuse` (default), `check`
	// (they need the same key and origin) or `pass`.
	PlainHTTP string `json:"plain_http,omitempty"`

	// How long the application may take to answer the handshake before the client gets 504. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// How many sockets of the route may be open at once. Default: no limit.
	MaxOpen int `json:"max_open,omitempty"`

	// How many of them one client may have open: an IPv4 address or an IPv6 /64, trusted proxies considered. Default: no
	// limit.
	MaxOpenPerClient int `json:"max_open_per_client,omitempty"`

	// How many of them may be open by one key. Default: no limit.
	MaxOpenPerKey int `json:"max_open_per_key,omitempty"`

	// How long a socket may be open before it is closed with 1001. Default: no limit.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// How long a socket may be silent both ways before it is closed with 1001. Default: no limit.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// Where the route stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// GateKey is one key of a route.
type Key struct {
	// The key: a placeholder such as `{env.CHAT_WS_KEY}` or `{file./run/secrets/chat}` (preferred: the configuration
	// then holds no secret), a literal of at least 16 characters, or `sha256:` and the 64 hex digits of its digest.
	Secret string `json:"secret"`

	// The key's name in logs. Default: the route's name, and from the second key on its number (chat, chat-2).
	Label string `json:"label,omitempty"`

	// The key is not good before this time. Default: always.
	From time.Time `json:"from,omitzero"`

	// The key is not good from this time on, and the sockets that it opened are closed. Default: never.
	Until time.Time `json:"until,omitzero"`

	// Where the key stands in a configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

func (k *Key) resolve(label string) (keys.Key, error) {
	if strings.ContainsAny(k.Label, "{}") || keys.LooksLikeSecret(k.Label) {
		return keys.Key{}, errors.New("want a label behind the secret, got what looks like a second secret: each has a line of its own")
	}
	secret, err := resolveSecret(k.Secret)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.NewKey(label, secret, k.From, k.Until)
}

// labelOf is the name of key i in logs.
func (r *Route) labelOf(i int) string {
	switch {
	case r.Keys[i].Label != "":
		return r.Keys[i].Label
	case i == 0:
		return r.Name
	default:
		return fmt.Sprintf("%s-%d", r.Name, i+1)
	}
}

func (r *Route) errorf(format string, args ...any) error {
	return fmt.Errorf("websocket_gate: route %s: %w%s", r.Name, fmt.Errorf(format, args...), lifecycle.AtSource(r.Source))
}

func (r *Route) keyErrorf(key *Key, err error) error {
	return fmt.Errorf("websocket_gate: route %s: key: %w%s", r.Name, err, lifecycle.AtSource(key.Source))
}

// placed adds to an error of the gate's core where in the configuration its cause stands.
func (g *Handler) placed(err error) error {
	source := ""
	var ofRoute *gate.RouteError
	var twice *keys.TwiceError
	switch {
	case errors.As(err, &ofRoute):
		for _, route := range g.Routes { // the last of a name is the one too many
			if route.Name == ofRoute.Route.Name {
				source = route.Source
			}
		}
	case errors.As(err, &twice):
		source = g.sourceOf(twice.Route, twice.Again)
	}
	return fmt.Errorf("websocket_gate: %w%s", err, lifecycle.AtSource(source))
}

// checkNulls refuses what JSON can hold and nothing can be made of.
func (g *Handler) checkNulls() error {
	for i, route := range g.Routes {
		if route == nil || slices.Contains(route.Keys, nil) {
			return fmt.Errorf("websocket_gate: want an object for each route and each key, got null in route %d", i+1)
		}
	}
	return nil
}

// coreRoutes turns the routes of the configuration into those of the gate.
func (g *Handler) coreRoutes() ([]*gate.Route, error) {
	var routes []*gate.Route
	for _, r := range g.Routes {
		route, err := r.core()
		if err == nil && g.server != nil {
			err = arrives(route.Sources, g.server)
		}
		if err != nil {
			return nil, r.errorf("%w", err)
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// coreGenerations has routes ask the assets of their site which pages are outdated.
func (g *Handler) coreGenerations(routes []*gate.Route, server *caddyhttp.Server) error {
	for i, r := range g.Routes {
		switch r.MinGeneration {
		case "":
			continue
		case "current", "previous":
		default:
			return r.errorf("min_generation: want current or previous, got %q", r.MinGeneration)
		}
		previousToo := r.MinGeneration == "previous"
		routes[i].Outdated = func(page string) bool { return generation.Outdated(server, page, previousToo) }
	}
	return nil
}

func (r *Route) core() (*gate.Route, error) {
	if r.Name == "" || strings.Trim(r.Name, nameCharacters) != "" {
		return nil, fmt.Errorf("want a name of letters, digits, _, - and ., got %q", r.Name)
	}
	if len(r.Paths) == 0 {
		return nil, errors.New("want at least one path")
	}
	if r.MaxAge < 0 || r.IdleTimeout < 0 || r.HandshakeTimeout < 0 {
		return nil, errors.New("max_age, idle_timeout, handshake_timeout: want durations that are not negative")
	}
	if r.MaxOpen < 0 || r.MaxOpenPerClient < 0 || r.MaxOpenPerKey < 0 {
		return nil, errors.New("max_open: want numbers that are not negative")
	}
	route := &gate.Route{
		Name:             r.Name,
		Paths:            r.Paths,
		Hide:             r.HideCredentials,
		HandshakeTimeout: time.Duration(r.HandshakeTimeout),
		Limits:           sockets.Limits{Route: r.MaxOpen, Client: r.MaxOpenPerClient, Key: r.MaxOpenPerKey},
		MaxAge:           time.Duration(r.MaxAge),
		Idle:             time.Duration(r.IdleTimeout),
	}
	for _, credential := range r.Credentials {
		source, err := credential.core()
		if err != nil {
			return nil, err
		}
		if err := readTwice(route.Sources, source); err != nil {
			return nil, err
		}
		route.Sources = append(route.Sources, source)
	}
	var err error
	if route.Plain, err = gate.ParsePlainPolicy(r.PlainHTTP); err != nil {
		return nil, fmt.Errorf("plain_http: %w", err)
	}
	if route.Plain == gate.PlainCheck && r.Ticket != nil && r.Ticket.Once {
		return nil, errors.New("plain_http check: a ticket that is good once opens one socket and no request; remove once, or use pass")
	}
	if route.Origins, err = coreOrigins(r.Origins); err != nil {
		return nil, err
	}
	route.Upstream, err = r.UpstreamCredential.core()
	return route, err
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

func coreOrigins(words []string) (gate.Origins, error) {
	var origins gate.Origins
	for _, word := range words {
		switch word {
		case "any", "same":
			if len(words) > 1 {
				return origins, fmt.Errorf("origins: want %s alone, or a list of origins, got %q", word, words)
			}
			origins.Any = word == "any"
		default:
			pattern, err := gate.ParseOrigin(word)
			if err != nil {
				return origins, fmt.Errorf("origins: %w", err)
			}
			origins.Listed = append(origins.Listed, pattern)
		}
	}
	return origins, nil
}
