package websocketgate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/generation"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// warnOfSecrets warns, when a configuration loads, of keys that are less secret than they should be or hard to send.
func (g *Handler) warnOfSecrets() {
	g.warnOfLiterals()
	g.warnOfPluses()
	g.warnOfPublic()
	g.warnOfUnlimited()
}

// warnOfShared warns of secrets that open more than one route.
func (g *Handler) warnOfShared(ring *keys.Ring) {
	for _, shared := range ring.SharedSecrets() {
		var sources []string
		for i, name := range shared.Routes {
			sources = append(sources, g.sourceOf(name, shared.Labels[i]))
		}
		g.logger.Warn("same key opens two routes",
			zap.Stringer("keys", shared), zap.Strings("sources", sources))
	}
}

// sourceOf returns the configuration line of a key, or else the lines of the keys files of its route.
func (g *Handler) sourceOf(route, label string) string {
	for _, r := range g.Routes {
		if r.Name != route {
			continue
		}
		for i, key := range r.Keys {
			if r.labelOf(i) == label {
				return key.Source
			}
		}
		var sources []string
		for _, file := range r.KeysFiles {
			sources = append(sources, cmp.Or(file.Source, file.Path))
		}
		return strings.Join(sources, ", ")
	}
	return ""
}

// warnOfExpired warns of routes without a valid key: all have expired, or begin later.
func (g *Handler) warnOfExpired(ring *keys.Ring, now time.Time) {
	current, valid := make(map[string]bool), make(map[string]bool)
	ring.Keys(func(route string, key keys.Key) {
		unexpired := key.Until.IsZero() || now.Before(key.Until)
		current[route] = current[route] || unexpired
		valid[route] = valid[route] || unexpired && !now.Before(key.From)
	})
	for _, route := range g.Routes {
		if valid[route.Name] || route.Ticket != nil || route.keyless() {
			continue
		}
		message := "all keys of the route have expired"
		if current[route.Name] {
			message = "no key of the route is valid yet"
		}
		g.logger.Warn(message, zap.String("route", route.Name), zap.String("source", route.Source))
	}
}

// warnOfLabels warns of labels that two keys of a route share, since logs cannot distinguish such keys.
func (g *Handler) warnOfLabels(ring *keys.Ring) {
	type label struct{ route, name string }
	keysOf := make(map[label]int)
	ring.Keys(func(route string, key keys.Key) {
		of := label{route, key.Label}
		if keysOf[of]++; keysOf[of] == 2 {
			g.logger.Warn("two keys have one label", zap.String("route", route), zap.String("key", key.Label),
				zap.String("source", g.sourceOf(route, key.Label)))
		}
	})
}

// warnOfLiterals warns of secrets that are written in the configuration. Backups, `caddy adapt` and the admin API show such
// secrets.
func (g *Handler) warnOfLiterals() {
	for _, route := range g.Routes {
		if route.Ticket != nil {
			route.warnOfLiteralTicketSecrets(g.logger)
		}
		for i, key := range route.Keys {
			if !isLiteral(key.Secret) || keys.IsDigest(key.Secret) {
				continue
			}
			g.logger.Warn("literal key in configuration; use a placeholder",
				zap.String("route", route.Name), zap.String("key", route.labelOf(i)), zap.String("source", key.Source))
		}
	}
}

func (r *Route) warnOfLiteralTicketSecrets(logger *zap.Logger) {
	if slices.ContainsFunc(r.Ticket.Secrets, isLiteral) {
		logger.Warn("literal ticket secret in configuration; use a placeholder",
			zap.String("route", r.Name), zap.String("source", r.Ticket.Source))
	}
}

// warnOfPluses warns of keys with a plus sign on routes that read the query. A query decodes + to a space, so clients must
// write %2B.
func (g *Handler) warnOfPluses() {
	for _, route := range g.Routes {
		if !route.readsFrom(gate.InQuery) {
			continue
		}
		for i, key := range route.Keys {
			if secret, err := resolveSecret(key.Secret); err != nil || !strings.Contains(secret, "+") {
				continue
			}
			g.logger.Warn("key contains +; clients must send %2B",
				zap.String("route", route.Name), zap.String("key", route.labelOf(i)), zap.String("source", key.Source))
		}
	}
}

// warnOfGenerations warns, when the configuration has started, of routes whose min_generation has no effect: pages carry
// a generation only with versioned_assets and stamp html on the same server.
func (g *Handler) warnOfGenerations() {
	if g.server == nil || generation.Carried(g.server) {
		return
	}
	for _, route := range g.Routes {
		if route.MinGeneration != "" {
			g.logger.Warn("min_generation has no effect; pages carry no generation",
				zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}

// warnOfUnixClients warns, when the configuration has started, of routes whose per_client limit counts all clients as one: a unix
// socket has no address of the client.
func (g *Handler) warnOfUnixClients() {
	if g.server == nil || !hidesClients(g.server) {
		return
	}
	for _, route := range g.Routes {
		if route.MaxOpenPerClient > 0 {
			g.logger.Warn("all clients of unix sockets count as one", zap.String("route", route.Name),
				zap.String("source", route.Source), zap.String("remedy", "trusted_proxies_unix"))
		}
	}
}

// hidesClients reports whether a server listens on a unix socket without reading the addresses of clients from X-Forwarded-For.
func hidesClients(server *caddyhttp.Server) bool {
	return !server.TrustedProxiesUnix && slices.ContainsFunc(server.Listen, caddy.IsUnixNetwork)
}

// warnOfDebug warns, when the configuration has started, of loggers at level DEBUG that show credentials.
func (g *Handler) warnOfDebug(ctx caddy.Context) {
	forwards := slices.ContainsFunc(g.Routes, (*Route).sendsCredentials)
	if loggers := redact.StillShowing(ctx, g, forwards); len(loggers) > 0 {
		g.logger.Warn("loggers show credentials at level DEBUG",
			zap.Strings("loggers", loggers), zap.String("remedy", "format websocket_keys"))
	}
}

// sendsCredentials reports whether the application gets a credential.
func (r *Route) sendsCredentials() bool {
	return !r.HideCredentials && !r.keyless() || r.UpstreamCredential != nil
}

// readsFrom reports whether the route reads keys from a location.
func (r *Route) readsFrom(in gate.Location) bool {
	if len(r.Credentials) == 0 && !r.keyless() {
		return in == gate.DefaultSource.In
	}
	return slices.ContainsFunc(r.Credentials, func(c Credential) bool { return gate.Location(c.In) == in })
}
