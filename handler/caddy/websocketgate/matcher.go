package websocketgate

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// handshakeFields are the fields that Caddy's documentation uses to match handshakes.
var handshakeFields = []string{"upgrade", "connection", ":protocol"}

// handshakeExpression finds a CEL expression that matches handshakes.
var handshakeExpression = regexp.MustCompile(`(?is)header(_regexp)?\(.*(upgrade|connection|sec-websocket|:protocol)`)

// MatchesHandshakes reports matchers that recognize handshakes by header fields. Such a matcher misses handshakes that a proxy
// accepts, and the missed handshakes bypass the gate.
func MatchesHandshakes(matchers caddy.ModuleMap) bool {
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
			if json.Unmarshal(raw, &sets) == nil && slices.ContainsFunc(sets, MatchesHandshakes) {
				return true
			}
		}
	}
	return false
}
