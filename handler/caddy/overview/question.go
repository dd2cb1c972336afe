package overview

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Question is a request that [Explain] answers.
type Question struct {
	// The URL, absolute. With the scheme ws or wss it is a handshake.
	URL string `json:"url"`
	// The value of the Origin field of the request. Default: none, as from clients other than browsers.
	Origin string `json:"origin,omitempty"`
	// The client's address, for tickets that are bound to it and for matchers. Default: none.
	Client string `json:"client,omitempty"`
}

// maxURL bounds the URL of a question, in bytes.
const maxURL = 8 << 10

// Request returns the request of the question, as the client would send it.
func (q Question) Request(ctx context.Context) (*http.Request, error) {
	if len(q.URL) > maxURL {
		return nil, fmt.Errorf("url: want at most %d bytes, got %d", maxURL, len(q.URL))
	}
	parsed, err := url.Parse(q.URL)
	if err != nil {
		var detail *url.Error
		if errors.As(err, &detail) {
			err = detail.Err // the URL may hold a key
		}
		return nil, fmt.Errorf("url: %w", err)
	}
	isSocket := parsed.Scheme == "ws" || parsed.Scheme == "wss"
	if parsed.Host == "" || !isSocket && parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, errors.New("url: want an absolute URL such as https://example.com/static/main.js")
	}
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: parsed.Path, RawPath: parsed.RawPath, RawQuery: parsed.RawQuery},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: parsed.Host, Header: make(http.Header), Body: http.NoBody,
		RequestURI: parsed.RequestURI(),
	}
	if r.URL.Path == "" {
		r.URL.Path = "/"
	}
	if parsed.Scheme == "https" || parsed.Scheme == "wss" {
		r.TLS = new(tls.ConnectionState)
	}
	if isSocket {
		r.Header["Connection"], r.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
		r.Header["Sec-Websocket-Version"], r.Header["Sec-Websocket-Key"] = []string{"13"}, []string{"dGhlIHNhbXBsZSBub25jZQ=="}
	}
	if q.Origin != "" {
		r.Header["Origin"] = []string{q.Origin}
	}
	if q.Client != "" {
		if _, err := netip.ParseAddr(q.Client); err != nil {
			return nil, errors.New("client: want an IP address")
		}
		r.RemoteAddr = net.JoinHostPort(q.Client, "0")
	}
	vars := map[string]any{caddyhttp.ClientIPVarKey: q.Client}
	return r.WithContext(context.WithValue(ctx, caddyhttp.VarsCtxKey, vars)), nil
}
