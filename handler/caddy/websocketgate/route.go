package websocketgate

import (
	"bytes"
	"encoding/json"
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

// Route is one kind of socket with its paths, credentials and limits.
type Route struct {
	// The route's name in logs, metrics and errors. Letters, digits, `_`, `-` and `.`.
	Name string `json:"name"`

	// The paths of the route. `/ws/chat/` matches only this path, `/ws/chat/*` all paths below it.
	Paths []string `json:"paths"`

	// The keys of the route. A route needs at least one key, keys file, ticket or session, or is public.
	Keys []*Key `json:"keys,omitempty"`

	// Keys files. A change of a file takes effect at once. An invalid change keeps the previous keys.
	KeysFiles []*KeysFile `json:"keys_files,omitempty"`

	// Where clients may send the key. Default: the query parameter `key`.
	Credentials []Credential `json:"credentials,omitempty"`

	// Whether to remove the key before the request reaches the application. Default: the key is forwarded unchanged.
	HideCredentials bool `json:"hide_credentials,omitempty"`

	// A secret that the application gets instead of the client's key. The client's key is removed.
	UpstreamCredential *UpstreamCredential `json:"upstream_credential,omitempty"`

	// Whether the route needs no credential. Excludes keys, tickets and a session. Default: false.
	Public bool `json:"public,omitempty"`

	// The session of the site. Beside keys and tickets, both are required. Default: none.
	Session *Session `json:"session,omitempty"`

	// Signed credentials with a short lifetime, in addition to keys or instead of keys.
	Ticket *Ticket `json:"ticket,omitempty"`

	// Origins whose pages may open the route: `any`, or a list of `same` (pages of this site, the default) and origins such as
	// `https://example.com`, `https://*.example.com`, `capacitor://localhost`, `file://` and `null`. A request without Origin
	// does not come from a browser and is not checked.
	Origins []string `json:"origins,omitempty"`

	// Oldest generation of assets whose pages may open the route: `current` or `previous`. Requires `versioned_assets` with
	// `stamp html`. Clients that do not send a generation are allowed. Default: all generations.
	MinGeneration string `json:"min_generation,omitempty"`

	// What happens to requests to the route's paths that stay HTTP, such as the polling of socket.io: `refuse` (default), `check`
	// (they need the same key and origin) or `pass`.
	PlainHTTP string `json:"plain_http,omitempty"`

	// Timeout for the application's response to the handshake. After it the client gets 504. Default: 10s.
	HandshakeTimeout caddy.Duration `json:"handshake_timeout,omitempty"`

	// Maximum number of open sockets of the route. Default: no limit.
	MaxOpen int `json:"max_open,omitempty"`

	// Maximum number of open sockets per client. A client is an IPv4 address or an IPv6 /64, behind trusted proxies the
	// forwarded address. Default: no limit.
	MaxOpenPerClient int `json:"max_open_per_client,omitempty"`

	// Maximum number of open sockets per key. Default: no limit.
	MaxOpenPerKey int `json:"max_open_per_key,omitempty"`

	// Maximum number of open sockets per user, from the `sub` of tickets. Sockets without a user have no such limit. Requires
	// `ticket`. Default: no limit.
	MaxOpenPerUser int `json:"max_open_per_user,omitempty"`

	// What the client of one socket may send. Default: no limit.
	MaxRate *MaxRate `json:"max_rate,omitempty"`

	// Maximum lifetime of a socket. After it the socket is closed with 1001. Default: no limit.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// A socket without data in both directions for this long is closed with 1001. Default: no limit.
	IdleTimeout caddy.Duration `json:"idle_timeout,omitempty"`

	// Position in the configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// KeysFile is a file that holds keys of a route. In JSON, a string is a file without names.
type KeysFile struct {
	// The path. Placeholders are replaced.
	Path string `json:"path"`

	// Names of the keys in a dotenv file (`NAME=value`). Default: none; each line of the file holds a label and a secret, with
	// optional `from` and `until`.
	Names []string `json:"names,omitempty"`

	// Position in the configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *KeysFile) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &f.Path)
	}
	type plain KeysFile
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode((*plain)(f))
}

// Key is one key of a route.
type Key struct {
	// The key: a placeholder such as `{env.CHAT_WS_KEY}` or `{file./run/secrets/chat}`, a literal of at least 16 characters,
	// or `sha256:` and the 64 hex digits of its digest. With a placeholder the configuration contains no secret.
	Secret string `json:"secret"`

	// The key's name in logs. Default: the route's name, with a number from the second key on (chat, chat-2).
	Label string `json:"label,omitempty"`

	// The key is invalid before this time. Default: no limit.
	From time.Time `json:"from,omitzero"`

	// The key expires at this time, and its open sockets are closed. Default: never.
	Until time.Time `json:"until,omitzero"`

	// Position in the configuration file, for error messages.
	Source string `json:"source,omitempty"`
}

// resolve returns the gate's form of the key.
func (k *Key) resolve(label string) (keys.Key, error) {
	if strings.ContainsAny(k.Label, "{}") || keys.LooksLikeSecret(k.Label) {
		return keys.Key{}, errors.New("the label looks like a second secret; write each key on its own line")
	}
	secret, err := resolveSecret(k.Secret)
	if err != nil {
		return keys.Key{}, err
	}
	return keys.NewKey(label, secret, k.From, k.Until)
}

// labelOf returns the name of key i in logs.
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

func (r *Route) keysFileErrorf(file *KeysFile, err error) error {
	return fmt.Errorf("websocket_gate: route %s: %w%s", r.Name, err, lifecycle.AtSource(file.Source))
}

// withSource adds the position of its cause in the configuration to an error of the gate.
func (g *Handler) withSource(err error) error {
	source := ""
	var routeErr *gate.RouteError
	var duplicate *keys.DuplicateSecretError
	switch {
	case errors.As(err, &routeErr):
		for _, route := range g.Routes { // the last route of a name is the duplicate
			if route.Name == routeErr.Route.Name {
				source = route.Source
			}
		}
	case errors.As(err, &duplicate):
		source = g.sourceOf(duplicate.Route, duplicate.SecondLabel)
	}
	return fmt.Errorf("websocket_gate: %w%s", err, lifecycle.AtSource(source))
}

// checkNulls rejects null in place of a route or a key.
func (g *Handler) checkNulls() error {
	for i, route := range g.Routes {
		if route == nil || slices.Contains(route.Keys, nil) || slices.Contains(route.KeysFiles, nil) {
			return fmt.Errorf("websocket_gate: route %d is null or has a null key or keys file; write objects", i+1)
		}
	}
	return nil
}

// buildRoutes returns the gate's form of the routes.
func (g *Handler) buildRoutes() ([]*gate.Route, error) {
	var routes []*gate.Route
	for _, r := range g.Routes {
		route, err := r.build()
		if err == nil && g.server != nil {
			err = checkReachable(route.Sources, g.server)
		}
		if err != nil {
			return nil, r.errorf("%w", err)
		}
		routes = append(routes, route)
	}
	return routes, nil
}

// addGenerations adds the check for outdated pages to routes with min_generation.
func (g *Handler) addGenerations(routes []*gate.Route, server *caddyhttp.Server) error {
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

// build returns the gate's form of the route.
func (r *Route) build() (*gate.Route, error) {
	if r.Name == "" || strings.Trim(r.Name, nameCharacters) != "" {
		return nil, fmt.Errorf("want a name of letters, digits, _, - and ., got %q", r.Name)
	}
	if len(r.Paths) == 0 {
		return nil, errors.New("no paths; write at least one")
	}
	if r.MaxAge < 0 || r.IdleTimeout < 0 || r.HandshakeTimeout < 0 {
		return nil, errors.New("max_age, idle_timeout, handshake_timeout: negative duration; write zero or more")
	}
	if r.MaxOpen < 0 || r.MaxOpenPerClient < 0 || r.MaxOpenPerKey < 0 || r.MaxOpenPerUser < 0 {
		return nil, errors.New("max_open: negative number; write zero or more")
	}
	route := &gate.Route{
		Name:             r.Name,
		Paths:            r.Paths,
		Hide:             r.HideCredentials,
		HandshakeTimeout: time.Duration(r.HandshakeTimeout),
		Limits:           sockets.Limits{Route: r.MaxOpen, Client: r.MaxOpenPerClient, Key: r.MaxOpenPerKey, User: r.MaxOpenPerUser},
		MaxAge:           time.Duration(r.MaxAge),
		Idle:             time.Duration(r.IdleTimeout),
		Keyless:          r.keyless(),
	}
	for _, credential := range r.Credentials {
		source, err := credential.build()
		if err != nil {
			return nil, err
		}
		if err := checkDuplicate(route.Sources, source); err != nil {
			return nil, err
		}
		route.Sources = append(route.Sources, source)
	}
	var err error
	if route.Session, err = r.Session.build(); err != nil {
		return nil, err
	}
	if route.Plain, err = gate.ParsePlainPolicy(r.PlainHTTP); err != nil {
		return nil, fmt.Errorf("plain_http: %w", err)
	}
	if route.Plain == gate.PlainCheck && r.Ticket != nil && r.Ticket.Once {
		return nil, errors.New("plain_http check: a ticket that is good once opens one socket and no request; remove once, or use pass")
	}
	if route.Rate, err = r.MaxRate.build(r.Name); err != nil {
		return nil, fmt.Errorf("max_rate: %w", err)
	}
	if route.Origins, err = buildOrigins(r.Origins); err != nil {
		return nil, err
	}
	route.Upstream, err = r.UpstreamCredential.build()
	return route, err
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

// buildOrigins returns the gate's form of the origins.
func buildOrigins(written []string) (gate.Origins, error) {
	var origins gate.Origins
	for _, origin := range written {
		switch origin {
		case "any":
			if len(written) > 1 {
				return origins, fmt.Errorf("origins: want any alone, got %q", written)
			}
			origins.Any = true
		case "same":
			origins.Same = true
		default:
			pattern, err := gate.ParseOrigin(origin)
			if err != nil {
				return origins, fmt.Errorf("origins: %w", err)
			}
			origins.Listed = append(origins.Listed, pattern)
		}
	}
	return origins, nil
}
