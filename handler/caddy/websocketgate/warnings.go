package websocketgate

import (
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/generation"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
)

// warnOfSecrets tells, when a configuration loads, of what makes its keys less secret than they should be, and of what
// makes them hard to present.
func (g *Handler) warnOfSecrets() {
	g.warnOfLiterals()
	g.warnOfPluses()
}

// warnOfShared says which secrets open more than one route.
func (g *Handler) warnOfShared(ring *keys.Ring) {
	for _, shared := range ring.Shared() {
		var sources []string
		for i, name := range shared.Routes {
			sources = append(sources, g.sourceOf(name, shared.Labels[i]))
		}
		g.logger.Warn("one key opens two routes; whoever has it for the one has it for the other",
			zap.Stringer("keys", shared), zap.Strings("sources", sources))
	}
}

// sourceOf is where a key stands: a line of a configuration file, or else the files of keys of its route.
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
		return strings.Join(r.KeysFiles, ", ")
	}
	return ""
}

// warnOfExpired names the routes that no key opens any more.
func (g *Handler) warnOfExpired(ring *keys.Ring, now time.Time) {
	valid := make(map[string]bool)
	ring.Keys(func(route string, key keys.Key) {
		valid[route] = valid[route] || key.Until.IsZero() || now.Before(key.Until)
	})
	for _, route := range g.Routes {
		if !valid[route.Name] && route.Ticket == nil {
			g.logger.Warn("all keys of the route have expired", zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}

// warnOfLabels names the labels that two keys of a route have: logs cannot distinguish them.
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

// warnOfLiterals names the keys that stand in the configuration itself, where backups and the admin API show them.
func (g *Handler) warnOfLiterals() {
	for _, route := range g.Routes {
		if route.Ticket != nil {
			route.warnOfLiteralTicketSecrets(g.logger)
		}
		for i, key := range route.Keys {
			if !isLiteral(key.Secret) || keys.IsDigest(key.Secret) {
				continue
			}
			g.logger.Warn("a key stands in the configuration itself; a placeholder such as {env.NAME} keeps it out of backups, "+
				"`caddy adapt` and the admin API", zap.String("route", route.Name), zap.String("key", route.labelOf(i)),
				zap.String("source", key.Source))
		}
	}
}

func (r *Route) warnOfLiteralTicketSecrets(logger *zap.Logger) {
	if slices.ContainsFunc(r.Ticket.Secrets, isLiteral) {
		logger.Warn("a secret of tickets stands in the configuration itself; a placeholder such as {env.NAME} keeps it out of "+
			"backups, `caddy adapt` and the admin API", zap.String("route", r.Name), zap.String("source", r.Ticket.Source))
	}
}

// warnOfPluses names the keys that a query must not hold as they are: there a + is a space.
func (g *Handler) warnOfPluses() {
	for _, route := range g.Routes {
		if !route.reads(gate.InQuery) {
			continue
		}
		for i, key := range route.Keys {
			if secret, err := resolveSecret(key.Secret); err != nil || !strings.Contains(secret, "+") {
				continue
			}
			g.logger.Warn("a key holds a +, which is a space in a query: clients must write it as %2B",
				zap.String("route", route.Name), zap.String("key", route.labelOf(i)), zap.String("source", key.Source))
		}
	}
}

// warnOfGenerations names, when the configuration has started, the routes whose min_generation refuses nobody.
func (g *Handler) warnOfGenerations() {
	if g.server == nil || generation.Carried(g.server) {
		return
	}
	for _, route := range g.Routes {
		if route.MinGeneration != "" {
			g.logger.Warn("min_generation refuses nobody, for no page is told its generation: want versioned_assets with stamp html "+
				"on the same server", zap.String("route", route.Name), zap.String("source", route.Source))
		}
	}
}

// warnOfDebug names, when the configuration has started, the loggers at DEBUG that show credentials.
func (g *Handler) warnOfDebug(ctx caddy.Context) {
	forwards := slices.ContainsFunc(g.Routes, (*Route).sendsCredentials)
	if loggers := redact.StillShowing(ctx, g, forwards); len(loggers) > 0 {
		g.logger.Warn("loggers show credentials at level DEBUG",
			zap.Strings("loggers", loggers), zap.String("remedy", "format websocket_keys"))
	}
}

// sendsCredentials reports whether the application gets any: a key of the query may be in a Referer too.
func (r *Route) sendsCredentials() bool {
	return !r.HideCredentials || r.UpstreamCredential != nil
}

// reads reports whether a key may stand there.
func (r *Route) reads(in gate.Location) bool {
	if len(r.Credentials) == 0 {
		return in == gate.DefaultSource.In
	}
	return slices.ContainsFunc(r.Credentials, func(c Credential) bool { return gate.Location(c.In) == in })
}
