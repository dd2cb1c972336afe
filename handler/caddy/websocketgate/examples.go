package websocketgate

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// choices is what a client chooses besides the path: the method, and which matchers of header fields and of the query match.
type choices struct {
	method  string
	all     bool   // all such matchers match
	matched chosen // without all: the only one that matches
}

func (c *choices) match(choice chosen) match { return matchIf(c.all || choice == c.matched) }

// choiceOf identifies a matcher whose result the client chooses. It returns "" for other matchers. Two matchers with the same
// options are one choice.
func (w *routeWalk) choiceOf(matcher any) chosen {
	switch m := matcher.(type) {
	case *caddyhttp.MatchHeader, *caddyhttp.MatchHeaderRE, *caddyhttp.MatchQuery:
	case *caddyhttp.MatchProtocol:
		if *m == "http" || *m == "https" {
			return ""
		}
	case *caddyhttp.VarsMatcher:
		if !w.allFromClient(maps.Keys(*m)) {
			return ""
		}
	case *caddyhttp.MatchVarsRE:
		if !w.allFromClient(maps.Keys(*m)) {
			return ""
		}
	case *caddyhttp.MatchExpression:
		if in := w.inputsOf(m.Expr); !in.fields || in.path || in.others {
			return "" // matchExpression finds whether the client chooses the result
		}
		return chosen(m.Expr)
	default:
		return ""
	}
	options, _ := json.Marshal(matcher) // an error leaves the type
	return chosen(fmt.Sprintf("%T %s", matcher, options))
}

// allFromClient reports whether the client chooses all the placeholders and variables of a vars matcher.
func (w *routeWalk) allFromClient(names iter.Seq[string]) bool {
	for name := range names {
		if !strings.HasPrefix(name, "{") {
			name = "{http.vars." + name + "}"
		}
		if !w.isFromClient(name) {
			return false
		}
	}
	return true
}

// examples are the requests by which a gate is tested.
type examples struct {
	patterns []string // of paths
	choices  []*choices
}

// examplesIn returns an example for each group of requests that the matchers of the routes distinguish.
func (w *routeWalk) examplesIn(routes caddyhttp.RouteList) examples {
	var e examples
	methods, matched := []string{"GET"}, []chosen{""}
	choose := func(choice chosen) {
		if !slices.Contains(matched, choice) {
			matched = append(matched, choice)
		}
	}
	visitExpression := func(expression string) {
		if in := w.inputsOf(expression); in.fields && !in.others {
			choose(chosen(expression))
		}
		for _, literal := range literalsIn(expression) {
			switch {
			case strings.HasPrefix(literal, "/") || strings.HasPrefix(literal, "*"):
				e.patterns = append(e.patterns, literal)
			case literal != "" && strings.Trim(literal, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
				methods = append(methods, literal)
			}
		}
	}
	var visit func(sets [][]any)
	visit = func(sets [][]any) {
		for _, set := range sets {
			for _, matcher := range set {
				switch m := matcher.(type) {
				case chosen:
					choose(m)
				case unless:
					visit(m.sets)
				case *caddyhttp.MatchMethod:
					methods = append(methods, *m...)
				case *caddyhttp.MatchPath:
					e.patterns = append(e.patterns, *m...)
				case *caddyhttp.MatchPathRE:
					e.patterns = append(e.patterns, patternsOfRegexp(m.Pattern)...)
				case *caddyhttp.MatchExpression:
					visitExpression(m.Expr)
				}
			}
		}
	}
	w.visitMatchers(routes, visit, 0)
	if len(methods) > 1 {
		methods = append(methods, "CONNECT", "POST") // HTTP/3 opens sockets by CONNECT, some applications by any method
	}
	slices.Sort(methods)
	for _, method := range slices.Compact(methods) {
		for _, one := range matched {
			e.choices = append(e.choices, &choices{method: method, matched: one})
		}
		if len(matched) > 2 {
			e.choices = append(e.choices, &choices{method: method, all: true})
		}
	}
	slices.Sort(e.patterns)
	e.patterns = slices.Compact(e.patterns)
	return e
}

func (w *routeWalk) visitMatchers(routes caddyhttp.RouteList, visit func([][]any), depth int) {
	if depth > maxDepth {
		return
	}
	for i := range routes {
		parsed := w.parse(&routes[i])
		visit(parsed.sets)
		for _, s := range parsed.steps {
			for _, inner := range s.inner() {
				w.visitMatchers(inner, visit, depth+1)
			}
		}
	}
}

// patternsOfRegexp returns the paths that begin like those of a regular expression.
func patternsOfRegexp(pattern string) []string {
	expression, err := regexp.Compile(strings.TrimPrefix(pattern, "^"))
	if err != nil {
		return nil
	}
	prefix, _ := expression.LiteralPrefix()
	return []string{prefix, prefix + "*"}
}

// fillers replace the * of a pattern. Matchers rarely name "~", so it stands for the paths that no matcher names.
var fillers = []string{"~", "x", "1"}

// pathsOf returns patterns of paths of a route, by which matchers tell requests apart: its own, then the parts of it that are
// patterns of matchers.
func (e *examples) pathsOf(prefix, own string) (patterns []string) {
	patterns = []string{prefix + own}
	base, isWildcard := strings.CutSuffix(prefix+own, "/*")
	if !isWildcard {
		return patterns
	}
	segments := strings.Split(base, "/")
	for _, pattern := range e.patterns {
		for _, prefix := range []string{"", prefix} {
			if strings.HasPrefix(pattern, "*") {
				patterns = append(patterns, base+"/"+pattern)
			} else if part := partOf(segments, prefix+pattern); part != "" {
				patterns = append(patterns, part)
			}
		}
	}
	return patterns
}

// partOf returns what a pattern matches below a path, or "".
func partOf(segments []string, pattern string) string {
	of := strings.Split(pattern, "/")
	if len(of) <= len(segments) {
		return ""
	}
	for i, segment := range segments {
		if matched, _ := path.Match(strings.ToLower(of[i]), strings.ToLower(segment)); !matched {
			return ""
		}
	}
	return strings.Join(append(slices.Clone(segments), of[len(segments):]...), "/")
}
