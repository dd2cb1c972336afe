package usher

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/rewrite"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// redactedRewrite is Caddy's rewrite, under Caddy's name, where a gate put it. At level DEBUG it logs the request that it changed;
// of one that holds a credential it logs the request redacted.
type redactedRewrite struct {
	rewrite.Rewrite

	server *caddyhttp.Server
	logger *zap.Logger
}

// redactedRewriteModule is its name in a configuration that a gate made.
type redactedRewriteModule struct{}

// CaddyModule tells Caddy of the module. It is for gates to load, not for configurations.
func (redactedRewriteModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.usher_redacted_rewrite",
		New: func() caddy.Module { return new(redactedRewrite) },
	}
}

// Provision is that of rewrite.
func (h *redactedRewrite) Provision(ctx caddy.Context) error {
	h.server, h.logger = serverOf(ctx.Value), ctx.Logger(h.Rewrite)
	return h.Rewrite.Provision(ctx)
}

// newRedactedRewrite is for one that is loaded already.
func newRedactedRewrite(ctx caddy.Context, loaded *rewrite.Rewrite) *redactedRewrite {
	return &redactedRewrite{Rewrite: *loaded, server: serverOf(ctx.Value), logger: ctx.Logger(*loaded)}
}

// ServeHTTP rewrites the request in place, as rewrite does.
func (h *redactedRewrite) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	log, behind := r.Context().Value(redactedRequestKey{}).(*redactedRequest)
	var found redactions
	switch {
	case behind:
		found = redactions{log.redaction}
	case h.logger.Core().Enabled(zap.DebugLevel):
		found = redactionsBefore(h.server, r)
	}
	if len(found) == 0 {
		return h.Rewrite.ServeHTTP(w, r, next)
	}
	replacer := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	changed := h.Rewrite.Rewrite(r, replacer)
	shown := found.of(r)
	if entry := h.logger.Check(zap.DebugLevel, "rewrote request"); changed && entry != nil {
		entry.Write(zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: shown}),
			zap.String("method", r.Method), zap.String("uri", shown.RequestURI))
	}
	if behind {
		r.RequestURI = shown.RequestURI // as the gate left it: what others log; what they send is made of r.URL
	}
	return next.ServeHTTP(w, r)
}

// redactions are those of several gates.
type redactions []*gate.Redaction

// redactionsBefore are what the gates of a server would make of a request that may not have come to them yet.
func redactionsBefore(server *caddyhttp.Server, r *http.Request) redactions {
	var found redactions
	for _, g := range gatesOf(server) {
		if redaction := g.gate.Redact(r, nil); redaction != nil {
			found = append(found, redaction)
		}
	}
	return found
}

// of returns a copy of the request as the logs may show it.
func (found redactions) of(r *http.Request) *http.Request {
	shown := r.WithContext(r.Context())
	for _, redaction := range found {
		shown.RequestURI, shown.Header = redaction.TargetOf(shown.RequestURI), redaction.HeaderOf(shown.Header)
	}
	return shown
}

var (
	_ caddy.Provisioner           = (*redactedRewrite)(nil)
	_ caddyhttp.MiddlewareHandler = (*redactedRewrite)(nil)
)
