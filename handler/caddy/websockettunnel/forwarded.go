package websockettunnel

import (
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// setForwarded sets the header fields by which reverse_proxy forwards client and origin. The client's own fields are kept
// only if the client is a trusted proxy.
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

// peerAddress returns the address of the connection's peer. It is empty for a Unix socket.
func peerAddress(r *http.Request) (address string, known bool) {
	if r.RemoteAddr == "@" {
		return "", true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	host, _, _ = strings.Cut(host, "%") // an IPv6 zone is local to this machine
	return host, err == nil
}

// setUnlessGiven keeps the last value if there is one: the value of the nearest trusted proxy.
func setUnlessGiven(header http.Header, name, value string) {
	if given := header[name]; len(given) > 0 && given[len(given)-1] != "" {
		value = given[len(given)-1]
	}
	header[name] = []string{value}
}
