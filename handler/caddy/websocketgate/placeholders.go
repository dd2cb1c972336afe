package websocketgate

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// statusError converts an error of the gate to Caddy's type, which handle_errors and the error log use.
func statusError(err error) error {
	var rejected *gate.StatusError
	if errors.As(err, &rejected) {
		return caddyhttp.Error(rejected.Status, rejected.Err)
	}
	return err
}

// setPlaceholders sets the placeholders {http.websocket_gate.*} for later handlers and logs.
func setPlaceholders(r *http.Request, d *gate.Decision) {
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return
	}
	replacer.Map(func(key string) (any, bool) {
		switch key {
		case "http.websocket_gate.route":
			if d.Route == nil {
				return "", true
			}
			return d.Route.Name, true
		case "http.websocket_gate.key":
			return d.Key, true
		case "http.websocket_gate.outcome":
			return string(d.Outcome), true
		default:
			return nil, false
		}
	})
}
