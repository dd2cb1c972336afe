package websocketgate

import (
	"errors"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// statusError makes Caddy's error of one of the gate's, so that handle_errors and the error log understand it.
func statusError(err error) error {
	var own *gate.StatusError
	if errors.As(err, &own) {
		return caddyhttp.Error(own.Status, own.Err)
	}
	return err
}

// setGatePlaceholders lets later handlers and logs name what was admitted or refused.
func setGatePlaceholders(r *http.Request, d *gate.Decision) {
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
