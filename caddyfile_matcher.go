package usher

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// gateDirective reads the directive with its matcher. One that looks for handshakes is refused: it misses some that a proxy
// makes a socket of, and whoever writes his handshake that way walks around the gate.
func gateDirective(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matchers, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	if looksForHandshakes(matchers) {
		h.Next() // ExtractMatcherSet has gone back: an error says where it stands
		return nil, h.Err("websocket_gate: want no matcher, or one of paths or hosts: the gate knows handshakes itself, and one that " +
			"looks for Upgrade or Connection misses some, such as Connection: upgrade and those of HTTP/3")
	}
	g, err := parseWebSocketGate(h)
	if err != nil {
		return nil, err
	}
	return h.NewRoute(matchers, g), nil
}

// handshakeFields are those by which Caddy's documentation has handshakes matched.
var handshakeFields = []string{"upgrade", "connection", ":protocol"}

// handshakeExpression is a CEL expression that does so.
var handshakeExpression = regexp.MustCompile(`(?is)header(_regexp)?\(.*(upgrade|connection|sec-websocket|:protocol)`)

func looksForHandshakes(matchers caddy.ModuleMap) bool {
	for name, raw := range matchers {
		switch name {
		case "header", "header_regexp":
			var fields map[string]json.RawMessage
			if json.Unmarshal(raw, &fields) != nil {
				continue
			}
			for field := range fields {
				field = strings.ToLower(field)
				if slices.Contains(handshakeFields, field) || strings.HasPrefix(field, "sec-websocket") {
					return true
				}
			}
		case "expression":
			if handshakeExpression.Match(raw) {
				return true
			}
		case "not":
			var sets []caddy.ModuleMap
			if json.Unmarshal(raw, &sets) == nil && slices.ContainsFunc(sets, looksForHandshakes) {
				return true
			}
		}
	}
	return false
}
