package report

import (
	"net"
	"strings"
)

// ServesHost reports whether a site with these hosts serves a host. A site without hosts serves every host. A label of a site's
// host may be `*`, as in Caddy's host matcher.
func ServesHost(hosts []string, host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	for _, pattern := range hosts {
		if matchesHost(pattern, host) {
			return true
		}
	}
	return len(hosts) == 0
}

func matchesHost(pattern, host string) bool {
	if !strings.Contains(pattern, "*") {
		return strings.EqualFold(pattern, host)
	}
	patterns, labels := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(patterns) != len(labels) {
		return false
	}
	for i := range patterns {
		if patterns[i] != "*" && !strings.EqualFold(patterns[i], labels[i]) {
			return false
		}
	}
	return true
}
