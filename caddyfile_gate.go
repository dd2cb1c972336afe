package usher

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/gate"
)

func parseWebSocketGate(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	g := new(WebSocketGate)
	return g, g.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	websocket_gate [<matcher>] {
//		route <name> <path>... {
//			key <secret> [<label>] [from <RFC 3339 time>] [until <time>]
//			keys_file <path>
//			credential query|header|cookie|subprotocol <name>
//			credential bearer
//			hide_credentials
//			upstream_credential query|header <name> <secret>
//			ticket {
//				secret <secret>...
//				public_key <PEM file>
//				issue_on <page path>...
//				cookie <name>
//				lifetime <duration>
//				bind client|origin
//				once
//			}
//			origins same|any|<origin>...
//			max_open <n> [per_client <n>] [per_key <n>]
//			max_age <duration>
//			idle_timeout <duration>
//			handshake_timeout <duration>
//			min_generation current|previous
//		}
//		reject status|close|auto
//		unlisted refuse|pass
//		dark_after <n> [<duration>]
//	}
func (g *WebSocketGate) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("websocket_gate: want a block, got %q", d.Val())
	}
	once := seen{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch word := d.Val(); word {
		case "route":
			err = g.unmarshalRoute(d)
		case "unlisted":
			err = once.oneOf(d, &g.Unlisted, "refuse", "pass")
		case "reject":
			err = once.oneOf(d, &g.Reject, "status", "close", "auto")
		case "dark_after":
			err = g.unmarshalDarkAfter(d, once)
		default:
			err = unknownWord(d, "websocket_gate", "route", "reject", "unlisted", "dark_after")
		}
		if err != nil {
			return err
		}
	}
	if len(g.Routes) == 0 {
		return d.Err("websocket_gate: want at least one route, got none")
	}
	return nil
}

func (g *WebSocketGate) unmarshalRoute(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return d.Errf("route: want a name and at least one path, got %q", args)
	}
	route := &GateRoute{Name: args[0], Paths: args[1:], Source: place(d)}
	once := seen{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch word := d.Val(); word {
		case "key":
			err = route.unmarshalKey(d)
		case "keys_file":
			var path string
			if err = (seen{}).one(d, &path); err == nil {
				route.KeysFiles = append(route.KeysFiles, path)
			}
		case "credential":
			err = route.unmarshalCredential(d)
		case "hide_credentials":
			err = once.flag(d, &route.HideCredentials)
		case "upstream_credential":
			err = route.unmarshalUpstreamCredential(d, once)
		case "ticket":
			err = route.unmarshalTicket(d, once)
		case "origins":
			err = route.unmarshalOrigins(d)
		case "max_open":
			err = route.unmarshalMaxOpen(d, once)
		case "max_age":
			err = once.duration(d, &route.MaxAge)
		case "idle_timeout":
			err = once.duration(d, &route.IdleTimeout)
		case "handshake_timeout":
			err = once.duration(d, &route.HandshakeTimeout)
		case "min_generation":
			err = once.oneOf(d, &route.MinGeneration, "current", "previous")
		default:
			err = unknownWord(d, "route", "key", "keys_file", "credential", "hide_credentials", "upstream_credential", "ticket",
				"origins", "max_open", "max_age", "idle_timeout", "handshake_timeout", "min_generation")
		}
		if err != nil {
			return err
		}
	}
	g.Routes = append(g.Routes, route)
	return nil
}

func (g *WebSocketGate) unmarshalDarkAfter(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("dark_after: want a number of refusals, and perhaps a duration, got %q", args)
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 1 {
		return d.Errf("dark_after: want a number of refusals, got %q", args[0])
	}
	g.DarkAfter = number
	if len(args) == 1 {
		return nil
	}
	if !parseDuration(args[1], &g.DarkLasting) {
		return d.Errf("dark_after: want a duration such as 1m, got %q", args[1])
	}
	return nil
}

func (r *GateRoute) unmarshalKey(d *caddyfile.Dispenser) error {
	key := &GateKey{Source: place(d)}
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("key: want a secret, such as {env.%s_WS_KEY}; an unset {$...} leaves nothing behind",
			strings.ToUpper(r.Name))
	}
	key.Secret, args = args[0], args[1:]
	if len(args) > 0 && args[0] != "from" && args[0] != "until" {
		key.Label, args = args[0], args[1:]
	}
	for len(args) > 0 {
		if len(args) < 2 {
			return d.Errf("key: want an RFC 3339 time such as 2026-01-31T00:00:00Z after %s, got none", args[0])
		}
		at, err := time.Parse(time.RFC3339, args[1])
		if err != nil {
			return d.Errf("key: want an RFC 3339 time such as 2026-01-31T00:00:00Z after %s, got %q", args[0], args[1])
		}
		switch {
		case args[0] == "from" && key.From.IsZero():
			key.From = at
		case args[0] == "until" && key.Until.IsZero():
			key.Until = at
		default:
			return d.Errf("key: want from and until once each, got %q", args[0])
		}
		args = args[2:]
	}
	r.Keys = append(r.Keys, key)
	return nil
}

func (r *GateRoute) unmarshalCredential(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "bearer":
		r.Credentials = append(r.Credentials, GateCredential{In: args[0]})
		return nil
	case len(args) == 2 && (args[0] == "query" || args[0] == "header" || args[0] == "cookie" || args[0] == "subprotocol"):
		r.Credentials = append(r.Credentials, GateCredential{In: args[0], Name: args[1]})
		return nil
	default:
		return d.Errf("credential: want query, header, cookie or subprotocol and a name, or bearer, got %q", args)
	}
}

func (r *GateRoute) unmarshalUpstreamCredential(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	args := d.RemainingArgs()
	if len(args) != 3 || args[0] != "query" && args[0] != "header" {
		return d.Errf("upstream_credential: want query or header, a name and a secret, got %d words", len(args))
	}
	r.UpstreamCredential = &GateUpstreamCredential{In: args[0], Name: args[1], Secret: args[2]}
	return nil
}

func (r *GateRoute) unmarshalOrigins(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.Err("origins: want same, any, or origins such as https://example.com, got none")
	}
	for _, origin := range args {
		if origin != "same" && origin != "any" {
			if _, err := gate.ParseOrigin(origin); err != nil {
				return d.Errf("origins: %v", err)
			}
		}
	}
	r.Origins = append(r.Origins, args...)
	return nil
}

func (r *GateRoute) unmarshalMaxOpen(d *caddyfile.Dispenser, once seen) error {
	if err := once.first(d); err != nil {
		return err
	}
	args := append([]string{""}, d.RemainingArgs()...)
	limits := map[string]*int{"": &r.MaxOpen, "per_client": &r.MaxOpenPerClient, "per_key": &r.MaxOpenPerKey}
	for i := 0; i < len(args); i += 2 {
		limit, known := limits[args[i]]
		if !known || i+1 == len(args) {
			return d.Errf("max_open: want a number, and perhaps per_client and per_key with theirs, got %q", args[1:])
		}
		if *limit != 0 {
			return d.Errf("max_open: want %s once, got it again", args[i])
		}
		number, err := strconv.Atoi(args[i+1])
		if err != nil || number < 1 {
			return d.Errf("max_open: want a number of sockets, got %q", args[i+1])
		}
		*limit = number
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*WebSocketGate)(nil)
