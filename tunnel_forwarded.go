package usher

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// setForwarded tells the application who is asking and for what, in the headers of reverse_proxy. What the client says
// there itself is kept only if it is a trusted proxy.
func setForwarded(request, original *http.Request) {
	trusted, _ := caddyhttp.GetVar(original.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	peer, known := peerAddress(original)
	header := request.Header
	if !trusted || !known {
		delete(header, "X-Forwarded-For")
		delete(header, "X-Forwarded-Proto")
		delete(header, "X-Forwarded-Host")
	}
	via := fmt.Sprintf("%d.%d Caddy", original.ProtoMajor, original.ProtoMinor)
	header["Via"] = append(header["Via"], via) // RFC 9110, 7.6.3
	if original.TLS != nil && !original.TLS.HandshakeComplete {
		header["Early-Data"] = []string{"1"} // RFC 8470, 5.1
	}
	if peer != "" {
		header["X-Forwarded-For"] = []string{strings.Join(append(header["X-Forwarded-For"], peer), ", ")}
	}
	proto := "http"
	if original.TLS != nil {
		proto = "https"
	}
	setUnlessGiven(header, "X-Forwarded-Proto", proto)
	setUnlessGiven(header, "X-Forwarded-Host", original.Host)
}

// peerAddress is the address at the other end of the connection; a Unix socket has none to tell.
func peerAddress(r *http.Request) (address string, known bool) {
	if r.RemoteAddr == "@" {
		return "", true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	host, _, _ = strings.Cut(host, "%") // an IPv6 zone means nothing elsewhere
	return host, err == nil
}

// setUnlessGiven keeps the last value of a trusted proxy: the one nearest to us.
func setUnlessGiven(header http.Header, name, value string) {
	if given := header[name]; len(given) > 0 && given[len(given)-1] != "" {
		value = given[len(given)-1]
	}
	header[name] = []string{value}
}
