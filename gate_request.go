package usher

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// keepSilentStream lifts the server's idle timeouts from the stream of an extended CONNECT: to Caddy a socket on which
// nothing is said for a minute looks like a stalled request body.
func keepSilentStream(ctx context.Context) func() {
	const forGood = 10 * 365 * 24 * time.Hour
	reader, writer := caddyhttp.IdleTimeoutsFromContext(ctx)
	restore := []func(){}
	if reader != nil {
		restore = append(restore, reader.Override(forGood, 0))
	}
	if writer != nil {
		restore = append(restore, writer.Override(forGood, 0, 0))
	}
	return func() {
		for _, undo := range restore {
			undo()
		}
	}
}

// statusError makes Caddy's error of one of the gate's, so that handle_errors and the error log understand it.
func statusError(err error) error {
	var own *gate.StatusError
	if errors.As(err, &own) {
		return caddyhttp.Error(own.Status, own.Err)
	}
	return err
}

func errorStatus(err error) int {
	var handlerError caddyhttp.HandlerError
	if errors.As(err, &handlerError) {
		return handlerError.StatusCode
	}
	return http.StatusInternalServerError
}

// clientAddress is the address that Caddy holds for the client's, trusted proxies considered.
func clientAddress(r *http.Request) netip.Addr {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// externalOrigin is scheme and host as the client sees them. Only a trusted proxy is believed about them. Of several proxies the
// first was asked by the client; some (Traefik) say of a handshake that it came by wss.
func externalOrigin(r *http.Request) (scheme, host string) {
	scheme, host = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return scheme, host
	}
	switch strings.ToLower(firstElement(r.Header.Get("X-Forwarded-Proto"))) {
	case "http", "ws":
		scheme = "http"
	case "https", "wss":
		scheme = "https"
	}
	if forwarded := firstElement(r.Header.Get("X-Forwarded-Host")); forwarded != "" {
		host = forwarded
	}
	return scheme, host
}

func firstElement(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(first)
}

// noteAdmitted is told of a socket before its handshake is handed on.
func noteAdmitted(r *http.Request, d *gate.Decision, socket *sockets.Socket) {
	setGatePlaceholders(r, d)
	if log, ok := r.Context().Value(redactedRequestKey{}).(*redactedRequest); ok {
		log.socket = socket
	}
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

// wasAdmitted reports a handshake that a gate has admitted.
func wasAdmitted(r *http.Request) bool {
	if r.Header["Upgrade"] == nil && r.Method != http.MethodConnect {
		return false
	}
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	outcome, _ := replacer.GetString("http.websocket_gate.outcome")
	return outcome == string(gate.Accepted)
}
