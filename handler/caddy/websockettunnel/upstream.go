package websockettunnel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// address is one address of an upstream. serverName is the name in the certificate of a TLS upstream, "" for cleartext.
type address struct{ network, address, serverName string }

// CheckUpstream reports an upstream that the tunnel cannot dial. An upstream with a placeholder is checked at load.
func CheckUpstream(written string) error {
	if strings.Contains(written, "{") {
		return nil
	}
	_, err := parseUpstream(written)
	return err
}

// parseUpstream parses an upstream in the notation of reverse_proxy. A range of ports gives several addresses.
func parseUpstream(written string) ([]address, error) {
	if written == "" {
		return nil, errors.New("want an address, such as 127.0.0.1:8001, got an empty one")
	}
	secure, rest, port, err := splitScheme(written)
	if err != nil {
		return nil, err
	}
	parsed, err := caddy.ParseNetworkAddressWithDefaults(rest, "tcp", port)
	if err != nil {
		return nil, err
	}
	switch parsed.Network {
	case "unix":
		if parsed.Host == "" || strings.Contains(parsed.Host, "|") {
			return nil, fmt.Errorf("want the path of a socket, as in unix//run/app.sock, got %q", parsed.Host)
		}
		return []address{{network: "unix", address: parsed.Host}}, nil
	case "unix+h2c":
		return nil, errH2C
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fmt.Errorf("want a tcp or unix address, got %s", parsed.Network)
	}
	var addresses []address
	for offset := range parsed.PortRangeSize() {
		one := address{network: parsed.Network, address: parsed.JoinHostPort(offset)}
		if secure {
			one.serverName = parsed.Host
		}
		addresses = append(addresses, one)
	}
	return addresses, nil
}

var errH2C = errors.New("want an upstream that speaks HTTP/1.1, not h2c: the handshake is made in HTTP/1.1")

func splitScheme(written string) (secure bool, rest string, port uint, err error) {
	scheme, rest, found := strings.Cut(written, "://")
	if !found {
		return false, written, 80, nil
	}
	if rest == "" || strings.ContainsAny(rest, "/?#@") {
		return false, "", 0, errors.New("want scheme, host and port alone, such as https://app.example.com:8443")
	}
	switch scheme {
	case "http":
		return false, rest, 80, nil
	case "https":
		return true, rest, 443, nil
	case "h2c":
		return false, "", 0, errH2C
	default:
		return false, "", 0, fmt.Errorf("want http:// or https://, got %s://", scheme)
	}
}
