package websocketgate

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// Session binds the sockets of a route to the session of the site. A handshake without the cookie is rejected. Whether the
// session is good is the application's decision about the handshake. When a response of the site deletes the cookie, the
// sockets of the session are closed with 4401.
type Session struct {
	// The name of the cookie that holds the session, such as `sessionid`.
	Cookie string `json:"cookie"`

	// Whether a socket is closed when its session gets another value. Default: the socket follows the session.
	Strict bool `json:"strict,omitempty"`
}

// build returns the gate's form of the session, nil for none.
func (s *Session) build() (*gate.RouteSession, error) {
	if s == nil {
		return nil, nil
	}
	if err := checkName(gate.InCookie, s.Cookie); err != nil {
		return nil, fmt.Errorf("session: %w", err)
	}
	return &gate.RouteSession{Cookie: s.Cookie, Strict: s.Strict}, nil
}

// keyless reports a route without keys and tickets.
func (r *Route) keyless() bool { return len(r.Keys) == 0 && len(r.KeysFiles) == 0 && r.Ticket == nil }

// checkAccess rejects routes that nothing opens, and options that have no effect.
func (r *Route) checkAccess() error {
	switch {
	case r.MaxOpenPerUser > 0 && r.Ticket == nil:
		return errors.New("max_open per_user: only tickets name a user; write a ticket, or use per_client")
	case r.Public && (!r.keyless() || r.Session != nil):
		return errors.New("public: the route has a key, keys_file, ticket or session; remove these or public")
	case !r.keyless():
		return r.checkSessionCookie()
	case !r.Public && r.Session == nil:
		return errors.New("no credentials; write at least one key, keys_file, ticket or session, or public")
	case len(r.Credentials) > 0:
		return errors.New("credential: the route has no key and no ticket; write one, or remove credential")
	case r.HideCredentials:
		return errors.New("hide_credentials: the route has no key and no ticket; write one, or remove hide_credentials")
	case r.MaxOpenPerKey > 0:
		return errors.New("max_open per_key: the route has no key and no ticket; use per_client")
	}
	return nil
}

// checkSessionCookie rejects a session cookie that also holds the key or the ticket.
func (r *Route) checkSessionCookie() error {
	if r.Session == nil {
		return nil
	}
	if r.Ticket != nil && r.Session.Cookie == r.Ticket.cookieName() {
		return fmt.Errorf("session: %s is the cookie of the ticket; write the cookie of the site's session", r.Session.Cookie)
	}
	for _, credential := range r.Credentials {
		if gate.Location(credential.In) == gate.InCookie && credential.Name == r.Session.Cookie {
			return fmt.Errorf("session: %s is the cookie of the key; write the cookie of the site's session", r.Session.Cookie)
		}
	}
	return nil
}

// warnOfPublic warns, when a configuration loads, of routes that pages of every origin may open without a credential.
func (g *Handler) warnOfPublic() {
	for _, route := range g.Routes {
		if route.Public && len(route.Origins) == 1 && route.Origins[0] == "any" {
			g.logger.Warn("public route accepts any origin", zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}

// sessionKeys holds the key of sessions while a configuration has a gate: sockets outlive a configuration, and so do their
// sessions.
var sessionKeys = caddy.NewUsagePool()

// loadSessionKey returns the process's key of sessions.
func (g *Handler) loadSessionKey() (*gate.SessionKey, error) {
	value, err := g.pooled.Load(sessionKeys, "key", func() (caddy.Destructor, error) {
		key, err := gate.NewSessionKey(rand.Reader)
		return &sessionKey{key}, err
	})
	if err != nil {
		return nil, err
	}
	return value.(*sessionKey).SessionKey, nil
}

type sessionKey struct{ *gate.SessionKey }

// Destruct implements caddy.Destructor. A later configuration draws another key: no socket of a gate is open then.
func (*sessionKey) Destruct() error { return nil }
