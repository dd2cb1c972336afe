package routing

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// match says whether a request matches.
type match uint8

const (
	no match = iota
	maybe
	yes
	fails // the matcher answers, as `try_files {path} =404` does
)

// matcher evaluates matchers, see [Walk.Complete].
type matcher struct{ complete bool }

// route evaluates the matchers of a route. For maybe it names the matchers that were not evaluated, and for fails the one that
// answers.
func (m matcher) route(route *caddyhttp.Route, r *http.Request) (match, []string) {
	if len(route.MatcherSets) == 0 {
		return yes, nil
	}
	return m.any(route.MatcherSets, r)
}

// any evaluates sets of which one must match.
func (m matcher) any(sets []caddyhttp.MatcherSet, r *http.Request) (best match, unknown []string) {
	for _, set := range sets {
		switch matched, names := m.all(set, r); matched {
		case yes, fails:
			return matched, names
		case maybe:
			best, unknown = maybe, append(unknown, names...)
		}
	}
	return best, unknown
}

// all evaluates matchers of which all must match.
func (m matcher) all(set caddyhttp.MatcherSet, r *http.Request) (match, []string) {
	var unknown, failed []string
	for _, one := range set {
		switch matched, names := m.one(one, r); matched {
		case no:
			return no, nil
		case maybe:
			unknown = append(unknown, names...)
		case fails:
			failed = names
		}
	}
	switch {
	case failed != nil:
		return fails, failed
	case len(unknown) > 0:
		return maybe, unknown
	default:
		return yes, nil
	}
}

// one evaluates a matcher if it depends on known fields alone: on host, path, method, query, protocol, the files of the site, or a
// client address that the question names.
func (m matcher) one(one any, r *http.Request) (match, []string) {
	switch one := one.(type) {
	case *caddyhttp.MatchNot:
		return m.none(one.MatcherSets, r)
	case caddyhttp.MatchNot:
		return m.none(one.MatcherSets, r)
	case *caddyhttp.MatchHost, *caddyhttp.MatchPath, *caddyhttp.MatchPathRE, *caddyhttp.MatchMethod, *caddyhttp.MatchQuery, *caddyhttp.MatchProtocol,
		caddyhttp.MatchHost, caddyhttp.MatchPath, caddyhttp.MatchPathRE, caddyhttp.MatchMethod, caddyhttp.MatchQuery, caddyhttp.MatchProtocol,
		*fileserver.MatchFile, fileserver.MatchFile:
		return evaluate(one, r)
	case *caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP, caddyhttp.MatchRemoteIP, caddyhttp.MatchClientIP:
		if r.RemoteAddr != "" {
			return evaluate(one, r)
		}
	case *caddyhttp.MatchHeader, *caddyhttp.MatchHeaderRE, *caddyhttp.MatchExpression, *caddyhttp.MatchVarsRE, *caddyhttp.VarsMatcher, *caddyhttp.MatchTLS,
		caddyhttp.MatchHeader, caddyhttp.MatchHeaderRE, caddyhttp.MatchExpression, caddyhttp.MatchVarsRE, caddyhttp.VarsMatcher, caddyhttp.MatchTLS:
		if m.complete {
			return evaluate(one, r)
		}
	}
	return maybe, []string{nameOf(one)}
}

// none evaluates sets of which none may match.
func (m matcher) none(sets []caddyhttp.MatcherSet, r *http.Request) (match, []string) {
	matched, unknown := m.any(sets, r)
	if matched == fails {
		return fails, unknown
	}
	for i := range unknown {
		unknown[i] = "not " + unknown[i]
	}
	return yes - matched, slices.Compact(unknown)
}

func evaluate(one any, r *http.Request) (match, []string) {
	if m, ok := one.(caddyhttp.RequestMatcherWithError); ok {
		matched, err := m.MatchWithError(r)
		var answer caddyhttp.HandlerError
		switch {
		case errors.As(err, &answer):
			return fails, []string{fmt.Sprintf("status %d of the matcher %s", answer.StatusCode, nameOf(one))}
		case err != nil:
			return maybe, []string{nameOf(one)}
		case matched:
			return yes, nil
		default:
			return no, nil
		}
	}
	return maybe, []string{nameOf(one)}
}

func nameOf(matcher any) string {
	if module, ok := matcher.(caddy.Module); ok {
		return module.CaddyModule().ID.Name()
	}
	return "of an unknown kind"
}
