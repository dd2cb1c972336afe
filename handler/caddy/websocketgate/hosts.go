package websocketgate

import (
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// hosts is a set of hosts, in the notation of Caddy's host matcher. Nil is the set of all hosts.
type hosts struct {
	exact     map[string]bool // in lower case
	wildcards []string        // a * stands for one label
}

func newHosts(patterns []string) *hosts {
	h := &hosts{exact: make(map[string]bool)}
	for _, pattern := range patterns {
		pattern = strings.ToLower(pattern)
		switch {
		case !strings.Contains(pattern, "*"):
			h.exact[pattern] = true
		case !slices.Contains(h.wildcards, pattern):
			h.wildcards = append(h.wildcards, pattern)
		}
	}
	return h
}

// hostsOf returns the hosts whose requests may match a route.
func hostsOf(route *caddyhttp.Route) *hosts {
	var patterns []string
	for _, set := range route.MatcherSets {
		i := slices.IndexFunc(set, func(matcher any) bool {
			_, ok := matcher.(*caddyhttp.MatchHost)
			return ok
		})
		if i < 0 {
			return nil
		}
		patterns = append(patterns, *set[i].(*caddyhttp.MatchHost)...)
	}
	return hostsOfPatterns(patterns)
}

// hostsOfPatterns returns the hosts of a host matcher. No pattern means all hosts, and so does a pattern whose value depends on
// the request.
func hostsOfPatterns(patterns []string) *hosts {
	if len(patterns) == 0 {
		return nil
	}
	patterns = slices.Clone(patterns)
	for i, pattern := range patterns {
		patterns[i] = caddy.NewReplacer().ReplaceKnown(pattern, "")
		if strings.Contains(patterns[i], "{") {
			return nil
		}
	}
	return newHosts(patterns)
}

// patterns returns the patterns of the set, in order.
func (h *hosts) patterns() []string {
	if h == nil {
		return nil
	}
	return append(slices.Sorted(maps.Keys(h.exact)), h.wildcards...)
}

// match returns the pattern that a host matches most closely, and how closely. Zero: the host is not in the set.
func (h *hosts) match(host string) (pattern string, closeness int) {
	if h == nil {
		return "", anyHost
	}
	if h.exact[host] {
		return host, exactHost
	}
	if host = strings.ToLower(host); h.exact[host] {
		return host, exactHost
	}
	for _, wildcard := range h.wildcards {
		if at := max(exactHost-strings.Count(wildcard, "*"), anyHost); at > closeness && matchWildcard(wildcard, host) {
			pattern, closeness = wildcard, at
		}
	}
	return pattern, closeness
}

// The least and the greatest closeness.
const (
	anyHost   = 1
	exactHost = 1 << 10
)

// withoutPort returns the name or address of a Host field.
func withoutPort(host string) string {
	if strings.IndexByte(host, ':') < 0 {
		return host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func matchWildcard(pattern, host string) bool {
	for {
		label, patternRest, more := strings.Cut(pattern, ".")
		name, hostRest, moreOfHost := strings.Cut(host, ".")
		if more != moreOfHost || label != "*" && label != name {
			return false
		}
		if !more {
			return true
		}
		pattern, host = patternRest, hostRest
	}
}

// intersect returns the hosts that are in both sets.
func (h *hosts) intersect(other *hosts) *hosts {
	switch {
	case h == nil:
		return other
	case other == nil:
		return h
	}
	var both []string
	for _, sets := range [2][2]*hosts{{h, other}, {other, h}} {
		for _, pattern := range sets[0].patterns() {
			if _, closeness := sets[1].match(pattern); closeness > 0 {
				both = append(both, pattern)
			}
		}
	}
	return newHosts(both)
}

// common counts the patterns that are in both sets. The set of all hosts has one pattern.
func (h *hosts) common(other *hosts) int {
	both := h.intersect(other)
	if both == nil {
		return 1
	}
	return len(both.exact) + len(both.wildcards)
}
