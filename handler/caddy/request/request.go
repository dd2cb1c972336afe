// Package request returns what Caddy knows about a request: its client, its external origin, its original URL, its status
// after an error, the cause of the error, and its idle timeouts.
package request

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Client returns the client's address as Caddy determined it, with trusted proxies considered. The zero Addr means unknown.
func Client(r *http.Request) netip.Addr {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return netip.Addr{}
	}
	return address
}

// ExternalOrigin returns scheme and host as the client sees them. It uses X-Forwarded fields only from a trusted proxy, and
// their first element. Traefik sends wss as the scheme of a handshake.
func ExternalOrigin(r *http.Request) (scheme, host string) {
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

// OriginalURL returns the URL that the client requested, before any rewrite.
func OriginalURL(r *http.Request) *url.URL {
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		return original.URL
	}
	return r.URL
}

// ErrorStatus returns the status that Caddy's server gives to a handler's error: 500 if the error names none.
func ErrorStatus(err error) int {
	var handlerError caddyhttp.HandlerError
	if errors.As(err, &handlerError) {
		return handlerError.StatusCode
	}
	return http.StatusInternalServerError
}

// SuspendIdleTimeouts suspends the server's idle timeouts for the stream of an extended CONNECT (RFC 8441, RFC 9220).
// Caddy treats a WebSocket without data for a minute as a stalled request body. The returned function restores them.
func SuspendIdleTimeouts(ctx context.Context) (restore func()) {
	const never = 10 * 365 * 24 * time.Hour
	reader, writer := caddyhttp.IdleTimeoutsFromContext(ctx)
	restoreReader, restoreWriter := func() {}, func() {}
	if reader != nil {
		restoreReader = reader.Override(never, 0)
	}
	if writer != nil {
		restoreWriter = writer.Override(never, 0, 0)
	}
	return func() {
		restoreReader()
		restoreWriter()
	}
}

// ErrorCause returns the text of a handler's error without the ID and the trace that Caddy adds.
func ErrorCause(err error) string {
	var handlerError caddyhttp.HandlerError
	switch {
	case !errors.As(err, &handlerError):
		return err.Error()
	case handlerError.Err == nil:
		return ""
	default:
		return handlerError.Err.Error()
	}
}

// TakeUnhandled is Unhandled for a handler that responds then. The access line no longer says that nothing handled the request.
func TakeUnhandled(r *http.Request) bool {
	unhandled := Unhandled(r)
	if unhandled {
		caddyhttp.SetVar(r.Context(), "unhandled", false)
	}
	return unhandled
}

// Unhandled reports whether the request reached the end of the routes.
func Unhandled(r *http.Request) bool {
	unhandled, _ := caddyhttp.GetVar(r.Context(), "unhandled").(bool)
	return unhandled
}
