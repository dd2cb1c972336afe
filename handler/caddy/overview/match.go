package overview

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// match says whether a request matches.
type match uint8

const (
	no match = iota
	maybe
	yes
)

// matchRoute evaluates the matchers of a route. For maybe it names the matchers that were not evaluated.
func matchRoute(route *caddyhttp.Route, r *http.Request) (match, []string) {
	if len(route.MatcherSets) == 0 {
		return yes, nil
	}
	return matchAny(route.MatcherSets, r)
}

// matchAny evaluates sets of which one must match.
func matchAny(sets []caddyhttp.MatcherSet, r *http.Request) (best match, unknown []string) {
	for _, set := range sets {
		switch matched, names := matchAll(set, r); matched {
		case yes:
			return yes, nil
		case maybe:
			best, unknown = maybe, append(unknown, names...)
		}
	}
	return best, unknown
}

// matchAll evaluates matchers of which all must match.
func matchAll(set caddyhttp.MatcherSet, r *http.Request) (match, []string) {
	var unknown []string
	for _, matcher := range set {
		switch matched, names := matchOne(matcher, r); matched {
		case no:
			return no, nil
		case maybe:
			unknown = append(unknown, names...)
		}
	}
	if len(unknown) > 0 {
		return maybe, unknown
	}
	return yes, nil
}

// matchOne evaluates a matcher that depends on the question alone: on host, path, method, query, protocol, or a client address
// that the question names.
func matchOne(matcher any, r *http.Request) (match, []string) {
	switch m := matcher.(type) {
	case *caddyhttp.MatchNot:
		return matchNone(m.MatcherSets, r)
	case caddyhttp.MatchNot:
		return matchNone(m.MatcherSets, r)
	case *caddyhttp.MatchHost, *caddyhttp.MatchPath, *caddyhttp.MatchPathRE, *caddyhttp.MatchMethod, *caddyhttp.MatchQuery, *caddyhttp.MatchProtocol,
		caddyhttp.MatchHost, caddyhttp.MatchPath, caddyhttp.MatchPathRE, caddyhttp.MatchMethod, caddyhttp.MatchQuery, caddyhttp.MatchProtocol:
		return evaluate(matcher, r)
	case *caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP, caddyhttp.MatchRemoteIP, caddyhttp.MatchClientIP:
		if r.RemoteAddr != "" {
			return evaluate(matcher, r)
		}
	}
	return maybe, []string{nameOf(matcher)}
}

// matchNone evaluates sets of which none may match.
func matchNone(sets []caddyhttp.MatcherSet, r *http.Request) (match, []string) {
	matched, unknown := matchAny(sets, r)
	for i := range unknown {
		unknown[i] = "not " + unknown[i]
	}
	return yes - matched, slices.Compact(unknown)
}

func evaluate(matcher any, r *http.Request) (match, []string) {
	if m, ok := matcher.(caddyhttp.RequestMatcherWithError); ok {
		switch matched, err := m.MatchWithError(r); {
		case err != nil:
			return maybe, []string{nameOf(matcher)}
		case matched:
			return yes, nil
		default:
			return no, nil
		}
	}
	return maybe, []string{nameOf(matcher)}
}

func nameOf(matcher any) string {
	if module, ok := matcher.(caddy.Module); ok {
		return module.CaddyModule().ID.Name()
	}
	return "of an unknown kind"
}
