package websocketgate

import (
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// match says whether a request matches, or reaches a handler.
type match uint8

const (
	no      match = iota
	unknown       // depends on what the walk does not know, such as the path behind a rewrite
	maybe         // depends on what the client does not choose, such as its address
	yes
)

// negated is the result of the matcher not.
func (m match) negated() match {
	switch m {
	case no:
		return yes
	case yes:
		return no
	default:
		return m
	}
}

// unless is the matcher not.
type unless struct{ sets [][]any }

// chosen is a matcher that matches as the client wants.
type chosen string

// parseSets returns matcher sets, loaded or not. While Caddy provisions a gate, the matchers of its site are not loaded.
func (w *routeWalk) parseSets(raw caddyhttp.RawMatcherSets, loaded []caddyhttp.MatcherSet) (sets [][]any) {
	for _, set := range loaded {
		var matchers []any
		for _, matcher := range set {
			matchers = append(matchers, w.parseMatcher(matcher))
		}
		sets = append(sets, matchers)
	}
	if len(loaded) > 0 {
		return sets
	}
	for _, set := range raw {
		var matchers []any
		for name, options := range set {
			matchers = append(matchers, w.parseMatcher(matcherOf(name, options)))
		}
		sets = append(sets, matchers)
	}
	return sets
}

// matcherOf reads a matcher. It returns nil if Caddy will not load it either.
func matcherOf(name string, options json.RawMessage) any {
	info, err := caddy.GetModule("http.matchers." + name)
	if err != nil {
		return nil
	}
	matcher := info.New()
	if json.Unmarshal(options, matcher) != nil {
		return nil
	}
	return matcher
}

func (w *routeWalk) parseMatcher(matcher any) any {
	if choice := w.choiceOf(matcher); choice != "" {
		return choice
	}
	switch m := matcher.(type) {
	case caddyhttp.MatchPath:
		return &m
	case *caddyhttp.MatchNot:
		return unless{w.parseSets(m.MatcherSetsRaw, m.MatcherSets)}
	case *caddyhttp.MatchExpression:
		// The copy is compiled here, since the matcher itself may be compiled later.
		if w.parsed == nil || w.inputsOf(m.Expr).others {
			return m
		}
		compiled := &caddyhttp.MatchExpression{Expr: m.Expr, Name: m.Name}
		if compiled.Provision(w.ctx) != nil {
			return nil
		}
		return compiled
	default:
		return matcher
	}
}

// matchSets evaluates sets of which one must match.
func (w *routeWalk) matchSets(sets [][]any, at location) match {
	if len(sets) == 0 {
		return yes
	}
	return matchAny(sets, func(matcher any) match { return w.matchOne(matcher, at) })
}

// matchAny is the result of the set that matches best. All matchers of a set must match.
func matchAny[S ~[]any](sets []S, one func(matcher any) match) match {
	best := no
	for _, set := range sets {
		all := yes
		for _, matcher := range set {
			all = min(all, one(matcher))
		}
		best = max(best, all)
	}
	return best
}

func (w *routeWalk) matchOne(matcher any, at location) match {
	switch m := matcher.(type) {
	case *caddyhttp.MatchPath:
		return matchPaths(*m, at)
	case unless:
		return w.matchSets(m.sets, at).negated()
	}
	if w.request == nil {
		return unknown
	}
	switch m := matcher.(type) {
	case chosen:
		return w.request.match(m)
	case *caddyhttp.MatchHost:
		return w.matchHost(*m)
	case *caddyhttp.MatchProtocol:
		return matchIf((*m == "https") == w.tls)
	case *caddyhttp.MatchMethod:
		return matchIf(slices.Contains(*m, w.request.method))
	case *caddyhttp.MatchPathRE:
		return w.matchRegexp(m.Pattern, at)
	case *caddyhttp.MatchExpression:
		return w.matchExpression(m, at)
	default:
		return maybe
	}
}

func matchIf(matched bool) match {
	if matched {
		return yes
	}
	return no
}

// matchHost compares the hosts of the request with those of a matcher.
func (w *routeWalk) matchHost(patterns []string) match {
	matcher := hostsOfPatterns(patterns)
	switch {
	case matcher == nil || w.site == nil:
		return maybe
	case w.site.common(matcher) == 0:
		return no
	}
	for _, host := range w.site.patterns() {
		if _, closeness := matcher.match(host); closeness == 0 {
			return maybe
		}
	}
	return yes
}

func (w *routeWalk) matchRegexp(pattern string, at location) match {
	expression, err := regexp.Compile(pattern)
	if err != nil || !at.isPath() {
		return unknown
	}
	w.guessed = true
	return matchIf(expression.MatchString(string(at)))
}

// matchExpression evaluates an expression for the example request. If other header fields, another query, or other values of what a
// client writes there change the result, the client chooses it.
func (w *routeWalk) matchExpression(m *caddyhttp.MatchExpression, at location) match {
	if !at.isPath() {
		return unknown
	}
	in := w.inputsOf(m.Expr)
	if in.others {
		return maybe
	}
	plain := w.evaluate(m, at, nil, "")
	if !in.fields {
		w.guessed = w.guessed || plain != maybe
		return plain
	}
	names := namesIn(m.Expr)
	for _, value := range append(literalsIn(m.Expr), fillers...) {
		if w.evaluate(m, at, names, value) != plain {
			return w.request.match(chosen(m.Expr))
		}
	}
	return maybe
}

// matchPaths evaluates the patterns of a path matcher.
func matchPaths(patterns []string, at location) match {
	best := no
	for _, pattern := range patterns {
		if strings.Contains(pattern, "{") {
			pattern = caddy.NewReplacer().ReplaceKnown(pattern, "")
		}
		switch {
		case pattern == "*" || pattern == "/*":
			return yes
		case !at.isPath() || strings.Contains(pattern, "{"):
			best = unknown
		case matchPath(pattern, string(at)):
			return yes
		}
	}
	return best
}

// matchPath is Caddy's path matcher for a clean path.
func matchPath(pattern, at string) bool {
	pattern, at = strings.ToLower(pattern), strings.ToLower(at)
	before, hasBefore := strings.CutPrefix(pattern, "*")
	middle, hasAfter := strings.CutSuffix(before, "*")
	switch {
	case strings.Contains(middle, "*") || strings.ContainsAny(middle, "?["):
		matched, _ := path.Match(pattern, at)
		return matched
	case hasBefore && hasAfter:
		return strings.Contains(at, middle)
	case hasBefore:
		return strings.HasSuffix(at, before)
	case hasAfter:
		return strings.HasPrefix(at, middle)
	default:
		return at == pattern
	}
}
