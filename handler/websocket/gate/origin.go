package gate

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Origins is which pages may open the sockets of a route (RFC 6455, 10.2). The zero value admits pages of the site
// itself. A request without Origin comes from no browser and is not judged.
type Origins struct {
	// Any admits every page.
	Any bool
	// Listed admits these and no others, unless it is empty.
	Listed []OriginPattern
}

// OriginPattern is one admitted origin: a serialized origin, `null`, or https://*.example.com for every subdomain, at
// any depth, but not for the domain itself.
type OriginPattern struct {
	exact          string
	scheme, suffix string // of a pattern with a star: "https://" and ".example.com[:port]"
}

// ParseOrigin reads an origin as a configuration names it: scheme, host and port, as a browser sends it (RFC 6454,
// 6.2), so in lower case, without the scheme's own port, path or final slash.
func ParseOrigin(s string) (OriginPattern, error) {
	if s == "null" {
		return OriginPattern{exact: s}, nil
	}
	plain := strings.Replace(s, "://*.", "://", 1)
	u, err := url.Parse(plain)
	switch {
	case err != nil, u.Scheme == "", u.Host == "", u.Scheme+"://"+u.Host != plain, strings.Contains(plain, "*"):
		return OriginPattern{}, fmt.Errorf(
			"want an origin such as https://example.com, https://*.example.com or null, got %q", s)
	case strings.ContainsFunc(plain, func(char rune) bool { return char > unicode.MaxASCII }):
		return OriginPattern{}, fmt.Errorf("origin %q: browsers send names in Punycode (xn--...)", s)
	case u.Scheme == "ws", u.Scheme == "wss":
		return OriginPattern{}, fmt.Errorf("origin %q: want that of a page, http or https", s)
	case !canonicalAddress(u.Hostname()):
		return OriginPattern{}, fmt.Errorf("origin %q: browsers send addresses in their shortest form, as [::1]", s)
	case !validPort(u):
		return OriginPattern{}, fmt.Errorf("origin %q: want a port from 1 to 65535, or none", s)
	case plain != strings.ToLower(plain):
		return OriginPattern{}, fmt.Errorf("origin %q: browsers send origins in lower case", s)
	case u.Port() != "" && u.Port() == schemePort(u.Scheme):
		return OriginPattern{}, fmt.Errorf("origin %q: browsers leave out port %s of %s", s, u.Port(), u.Scheme)
	}
	if plain == s {
		return OriginPattern{exact: s}, nil
	}
	return OriginPattern{scheme: u.Scheme + "://", suffix: "." + u.Host}, nil
}

// canonicalAddress reports whether a browser would write the host so (RFC 5952), as far as it is an address.
func canonicalAddress(host string) bool {
	address, err := netip.ParseAddr(host)
	return err != nil || address.Is4In6() || address.String() == strings.ToLower(host)
}

// validPort reports whether a browser could have the port.
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

// hostCharacters are those of a name in an origin: browsers send names in lower case and Punycode.
const hostCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_."

// admits judges the Origin of a request to the site at scheme and host (with its port, as the client wrote it).
func (o Origins) admits(origin, scheme, host string) bool {
	if o.Any {
		return true
	}
	if len(o.Listed) == 0 {
		return sameOrigin(origin, scheme, host)
	}
	for _, pattern := range o.Listed {
		if pattern.matches(origin) {
			return true
		}
	}
	return false
}

// sameOrigin compares scheme, host and port (RFC 6454, 5). A browser serializes an origin in lower case and without the
// port of its scheme; what does not look like that is no browser's.
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
