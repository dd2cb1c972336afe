package gate

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Origins are the pages that may open the sockets of a route (RFC 6455, 10.2). The zero value admits pages of the site itself.
// A request without Origin does not come from a browser and is admitted.
type Origins struct {
	// Any admits every page.
	Any bool
	// Listed, unless empty, admits these origins, and those of the site only with Same.
	Listed []OriginPattern
	// Same admits the site's own pages besides those of Listed. Without Listed it is always on.
	Same bool
}

// OriginPattern is an admitted origin: a serialized origin, `null`, or https://*.example.com for the subdomains at any depth,
// without the domain itself.
type OriginPattern struct {
	exact          string
	scheme, suffix string // of a pattern with a star: "https://" and ".example.com[:port]"
}

// ParseOrigin parses an origin of a configuration: scheme, host and port in the form that clients send (RFC 6454, 6.2), in lower
// case and without a path or a final slash. The port of the scheme may be written or not. Apps have origins with a scheme of their
// own, and one without a host: file://.
func ParseOrigin(s string) (OriginPattern, error) {
	if s == "null" {
		return OriginPattern{exact: s}, nil
	}
	plain := strings.Replace(s, "://*.", "://", 1)
	u, err := url.Parse(plain)
	switch {
	case err != nil, u.Scheme == "", u.Scheme+"://"+u.Host != plain, u.Host == "" && (ofWeb(u.Scheme) || plain != s), strings.Contains(plain, "*"):
		return OriginPattern{}, fmt.Errorf(
			"want an origin such as https://example.com, https://*.example.com, capacitor://localhost, file:// or null, got %q", s)
	case strings.ContainsFunc(plain, func(char rune) bool { return char > unicode.MaxASCII }):
		return OriginPattern{}, fmt.Errorf("origin %q: write the name in Punycode (xn--...), as browsers do", s)
	case u.Scheme == "ws", u.Scheme == "wss":
		return OriginPattern{}, fmt.Errorf("origin %q: write the origin of the page, http or https", s)
	case !canonicalAddress(u.Hostname()):
		return OriginPattern{}, fmt.Errorf("origin %q: write the address in its shortest form, as in [::1]", s)
	case !validPort(u):
		return OriginPattern{}, fmt.Errorf("origin %q: want a port from 1 to 65535, or none", s)
	case plain != strings.ToLower(plain):
		return OriginPattern{}, fmt.Errorf("origin %q: write it in lower case, as browsers do", s)
	}
	if plain == s {
		return OriginPattern{exact: withoutDefaultPort(s)}, nil
	}
	return OriginPattern{scheme: u.Scheme + "://", suffix: "." + strings.TrimPrefix(withoutDefaultPort(plain), u.Scheme+"://")}, nil
}

// ofWeb reports whether origins of the scheme have a host.
func ofWeb(scheme string) bool {
	return scheme == "http" || scheme == "https" || scheme == "ws" || scheme == "wss"
}

// withoutDefaultPort removes the port of the scheme: https://example.com:443 is https://example.com. Browsers never send it, other
// clients do.
func withoutDefaultPort(origin string) string {
	scheme, _, _ := strings.Cut(origin, "://")
	if port := schemePort(scheme); port != "" && strings.HasSuffix(origin, ":"+port) {
		return origin[:len(origin)-len(port)-1]
	}
	return origin
}

// canonicalAddress reports whether the host is a name, or an address in the form that browsers send (RFC 5952).
func canonicalAddress(host string) bool {
	address, err := netip.ParseAddr(host)
	return err != nil || address.Is4In6() || address.String() == strings.ToLower(host)
}

// validPort reports whether the port, if any, is one that browsers send.
func validPort(u *url.URL) bool {
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return u.Port() == "" || err == nil && port > 0 && u.Port()[0] != '0'
}

func (p OriginPattern) matches(origin string) bool {
	if p.exact != "" {
		return origin == p.exact
	}
	host, found := strings.CutPrefix(origin, p.scheme)
	if !found || !strings.HasSuffix(host, p.suffix) {
		return false
	}
	sub := host[:len(host)-len(p.suffix)]
	return sub != "" && strings.Trim(sub, hostCharacters) == "" && sub[0] != '.' && !strings.Contains(sub+".", "..")
}

// hostCharacters are the characters of a host name in an origin: browsers send lower case and Punycode.
const hostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_."

// admits reports whether the origin may open a socket of the site at scheme and host. The host may have a port.
func (o Origins) admits(origin, scheme, host string) bool {
	if o.Any {
		return true
	}
	origin = withoutDefaultPort(origin)
	if (o.Same || len(o.Listed) == 0) && sameOrigin(origin, scheme, host) {
		return true
	}
	for _, pattern := range o.Listed {
		if pattern.matches(origin) {
			return true
		}
	}
	return false
}

// sameOrigin compares scheme, host and port (RFC 6454, 5). Clients send an origin in lower case; other forms do not match.
func sameOrigin(origin, scheme, host string) bool {
	rest, found := strings.CutPrefix(origin, scheme)
	if !found {
		return false
	}
	rest, found = strings.CutPrefix(rest, "://")
	if !found {
		return false
	}
	if port := schemePort(scheme); strings.HasSuffix(host, port) && strings.HasSuffix(host[:len(host)-len(port)], ":") {
		host = host[:len(host)-len(port)-1]
	}
	return len(rest) == len(host) && rest == strings.ToLower(host)
}

func schemePort(scheme string) string {
	switch scheme {
	case "https", "wss":
		return "443"
	case "http", "ws":
		return "80"
	default:
		return ""
	}
}

// siteOrigin is the origin of the site's own pages in the form that browsers send (RFC 6454, 6.2).
func siteOrigin(scheme, host string) string {
	return withoutDefaultPort(scheme + "://" + strings.ToLower(host))
}
