package usher

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy/fastcgi"
)

// redactedTransport is the transport of a reverse_proxy, where a gate put it. reverse_proxy logs the request that it had sent, in
// lines of several levels; of a request that holds a credential, what it has afterwards is the request redacted.
type redactedTransport struct {
	TransportRaw json.RawMessage `json:"transport,omitempty" caddy:"namespace=http.reverse_proxy.transport inline_key=protocol"`

	inner  http.RoundTripper
	server *caddyhttp.Server // where its reverse_proxy was loaded before the gate was; nil elsewhere
}

// CaddyModule tells Caddy of the module. It is for gates to load, not for configurations.
func (*redactedTransport) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.reverse_proxy.transport.usher_redacted",
		New: func() caddy.Module { return new(redactedTransport) },
	}
}

// Provision loads the transport that does the work.
func (t *redactedTransport) Provision(ctx caddy.Context) error {
	loaded, err := ctx.LoadModule(t, "TransportRaw")
	if err != nil {
		return err
	}
	inner, ok := loaded.(http.RoundTripper)
	if !ok {
		return fmt.Errorf("want a transport, got %T", loaded)
	}
	t.inner = inner
	return nil
}

// redactLoaded puts a redactedTransport into a reverse_proxy that is loaded already, and in no use yet. One that checks the health of
// its upstreams is in use.
func redactLoaded(server *caddyhttp.Server, proxy *reverseproxy.Handler) {
	_, redacted := proxy.Transport.(*redactedTransport)
	checks := proxy.HealthChecks != nil && proxy.HealthChecks.Active != nil
	if redacted || checks || len(proxy.LoadBalancing.RetryMatch) > 0 {
		return
	}
	proxy.Transport = &redactedTransport{inner: proxy.Transport, server: server}
}

// RoundTrip sends the request as it is. The one that reverse_proxy goes on with is its own copy, made for this try.
func (t *redactedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	log, ok := r.Context().Value(redactedRequestKey{}).(*redactedRequest)
	if !ok {
		return t.roundTripUngated(r)
	}
	sent := r.WithContext(log.unredacted(r.Context()))
	r.Header, r.RequestURI = log.redaction.HeaderOf(r.Header), log.redaction.TargetOf(r.RequestURI)
	response, err := t.inner.RoundTrip(sent)
	if err == nil {
		log.redaction.Selected(response.Header)
	}
	return response, err
}

// roundTripUngated is for a request that did not come through a gate, or not yet.
func (t *redactedTransport) roundTripUngated(r *http.Request) (*http.Response, error) {
	if t.server == nil {
		return t.inner.RoundTrip(r)
	}
	found := redactionsBefore(t.server, r)
	if len(found) == 0 {
		return t.inner.RoundTrip(r)
	}
	sent, shown := r.WithContext(r.Context()), found.of(r)
	r.Header, r.RequestURI = shown.Header, shown.RequestURI
	return t.inner.RoundTrip(sent)
}

// unredacted is the context with the request as it came: FastCGI sends its target.
func (log *redactedRequest) unredacted(ctx context.Context) context.Context {
	if log.original == nil {
		return ctx
	}
	return context.WithValue(ctx, caddyhttp.OriginalRequestCtxKey, log.original)
}

// isFastCGI reports the one transport that logs what it is sent, the parameters that it makes of it too.
func (t *redactedTransport) isFastCGI() bool {
	_, is := t.inner.(*fastcgi.Transport)
	return is
}

// OverrideHealthCheckScheme is what reverse_proxy asks of transports, as are all of the following.
func (t *redactedTransport) OverrideHealthCheckScheme(base *url.URL, port string) {
	if inner, ok := t.inner.(reverseproxy.HealthCheckSchemeOverriderTransport); ok {
		inner.OverrideHealthCheckScheme(base, port)
	}
}

// RequestHeaderOps returns none where the transport has none.
func (t *redactedTransport) RequestHeaderOps() *headers.HeaderOps {
	if inner, ok := t.inner.(reverseproxy.RequestHeaderOpsTransport); ok {
		return inner.RequestHeaderOps()
	}
	return nil
}

// ProxyProtocolEnabled is false where the transport does not know of it.
func (t *redactedTransport) ProxyProtocolEnabled() bool {
	inner, ok := t.inner.(reverseproxy.ProxyProtocolTransport)
	return ok && inner.ProxyProtocolEnabled()
}

// RequiresContentLength is false where the transport does not know of it.
func (t *redactedTransport) RequiresContentLength() bool {
	inner, ok := t.inner.(reverseproxy.ContentLengthRequiredTransport)
	return ok && inner.RequiresContentLength()
}

// DefaultBufferSizes are 0, no buffers, where the transport has none.
func (t *redactedTransport) DefaultBufferSizes() (request, response int64) {
	if inner, ok := t.inner.(reverseproxy.BufferedTransport); ok {
		return inner.DefaultBufferSizes()
	}
	return 0, 0
}

var (
	_ caddy.Provisioner = (*redactedTransport)(nil)
	_ http.RoundTripper = (*redactedTransport)(nil)

	_ reverseproxy.HealthCheckSchemeOverriderTransport = (*redactedTransport)(nil)
	_ reverseproxy.RequestHeaderOpsTransport           = (*redactedTransport)(nil)
	_ reverseproxy.ProxyProtocolTransport              = (*redactedTransport)(nil)
	_ reverseproxy.ContentLengthRequiredTransport      = (*redactedTransport)(nil)
	_ reverseproxy.BufferedTransport                   = (*redactedTransport)(nil)
)
