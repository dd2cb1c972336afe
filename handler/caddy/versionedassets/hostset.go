package versionedassets

import "strings"

// hostSet is the hosts of a site, as siteRecord has them.
type hostSet struct {
	hosts    []string
	exact    map[string]bool
	patterns []string // those that match more than one host
}

func newHostSet(hosts []string) *hostSet {
	s := &hostSet{hosts: hosts, exact: make(map[string]bool)}
	for _, host := range hosts {
		s.exact[host] = true
		if isPattern(host) {
			s.patterns = append(s.patterns, host)
		}
	}
	return s
}

// common counts the hosts that both sites have, and those for which requests may come to both.
func (s *hostSet) common(hosts []string) (equal, overlapping int) {
	for _, host := range hosts {
		others := s.patterns
		if isPattern(host) {
			others = s.hosts
		}
		if s.exact[host] {
			equal++
			overlapping++
			continue
		}
		for _, other := range others {
			if overlap(host, other) {
				overlapping++
				break
			}
		}
	}
	return equal, overlapping
}

// isPattern reports every host, a wildcard, or a host with a placeholder.
func isPattern(host string) bool { return isAny(host) || isWildcard(host) }

// isAny reports the site of every host, see siteOf.
func isAny(host string) bool {
	return host == anyHost || strings.HasPrefix(host, anyHost+":") || strings.HasPrefix(host, anyHost+" ")
}

// overlap reports whether a request may have a host of both. Sites of every host at different ports are different sites. Hosts
// with a placeholder may be any host.
func overlap(a, b string) bool {
	switch {
	case isAny(a) && isAny(b):
		return a == b
	case isAny(a), isAny(b), strings.Contains(a+b, "{"):
		return true
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i] != "*" && y[i] != "*" && !strings.EqualFold(x[i], y[i]) {
			return false
		}
	}
	return true
}
