package websocketgate

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	maphandler "github.com/caddyserver/caddy/v2/modules/caddyhttp/map"
	"golang.org/x/net/http/httpguts"
)

// inputs are the parts of a request that an expression reads. The client chooses the path and the fields.
type inputs struct{ path, fields, others bool }

var (
	literals = regexp.MustCompile("\"[^\"]*\"|'[^']*'|`[^`]*`")
	words    = regexp.MustCompile(`\{[A-Za-z_][^}:\s]*\}|[A-Za-z_]\w*`)
	// clientPlaceholder matches placeholders of the method, header fields, cookies, the query and the body.
	clientPlaceholder = regexp.MustCompile(`\{(http\.request\.(header|cookie|uri\.query|orig_uri\.query|body|method)|header|cookie|query|method)\b[^{}]*\}`)
)

// inputsOf reads an expression. An unknown word is another input.
func (w *routeWalk) inputsOf(expression string) (in inputs) {
	for _, word := range words.FindAllString(literals.ReplaceAllString(expression, ""), -1) {
		switch word {
		case "path", "path_regexp", "{http.request.uri.path}", "{path}":
			in.path = true
		case "header", "header_regexp", "query":
			in.fields = true
		case "method", "{http.request.method}", "{method}", "true", "false", "in", "startsWith", "endsWith", "contains", "matches", "size":
		default:
			if w.isFromClient(word) {
				in.fields = true
			} else {
				in.others = true
			}
		}
	}
	return in
}

// isFromClient reports whether a text holds a placeholder whose value the client chooses.
func (w *routeWalk) isFromClient(text string) bool {
	return clientPlaceholder.MatchString(text) || slices.ContainsFunc(w.derived, func(derived string) bool { return strings.Contains(text, derived) })
}

// derive finds the placeholders that map and vars set from values that the client chooses.
func (w *routeWalk) derive(routes caddyhttp.RouteList, depth int) {
	if depth > maxDepth {
		return
	}
	for i := range routes {
		for _, s := range stepsOf(&routes[i], w.named) {
			for _, name := range slices.Sorted(maps.Keys(s.sets)) {
				if w.isFromClient(s.sets[name]) && !slices.Contains(w.derived, name) {
					w.derived = append(w.derived, name)
				}
			}
			for _, inner := range s.inner() {
				w.derive(inner, depth+1)
			}
		}
	}
}

func stepOfMap(source string, destinations []string) step {
	s := step{sets: make(map[string]string)}
	for _, name := range destinations {
		s.sets[name] = source
	}
	return s
}

func stepOfVars(vars caddyhttp.VarsMiddleware) step {
	s := step{sets: make(map[string]string)}
	for name, value := range vars {
		if text, isText := value.(string); isText {
			s.sets["{http.vars."+name+"}"] = text
		}
	}
	return s
}

// stepOfSetter reads a vars or map handler from JSON.
func stepOfSetter(name string, raw json.RawMessage) step {
	if name == "map" {
		var h maphandler.Handler
		_ = json.Unmarshal(raw, &h)
		return stepOfMap(h.Source, h.Destinations)
	}
	var vars caddyhttp.VarsMiddleware
	_ = json.Unmarshal(raw, &vars)
	return stepOfVars(vars)
}

// evaluate evaluates an expression for a request in which all these header fields, parameters and placeholders have one value.
func (w *routeWalk) evaluate(m *caddyhttp.MatchExpression, at location, names []string, value string) match {
	r := &http.Request{Method: w.request.method, URL: &url.URL{Path: string(at)}, Header: http.Header{}, Host: "localhost", ProtoMajor: 1, ProtoMinor: 1}
	query, replacer := make(url.Values), caddy.NewReplacer()
	for _, name := range names {
		query.Set(name, value)
		if httpguts.ValidHeaderFieldName(name) {
			r.Header.Set(name, value)
		}
	}
	if len(names) > 0 {
		for _, derived := range w.derived {
			replacer.Set(strings.Trim(derived, "{}"), value)
		}
	}
	r.URL.RawQuery = query.Encode()
	matched, err := m.MatchWithError(caddyhttp.PrepareRequest(r, replacer, nil, new(caddyhttp.Server)))
	if err != nil {
		return maybe
	}
	return matchIf(matched)
}

// literalsIn returns the texts in an expression.
func literalsIn(expression string) (texts []string) {
	for _, literal := range literals.FindAllString(expression, -1) {
		texts = append(texts, literal[1:len(literal)-1])
	}
	return texts
}

// namesIn returns the texts in an expression, which may be names of header fields or parameters, and the names in its placeholders.
func namesIn(expression string) []string {
	names := literalsIn(expression)
	for _, word := range words.FindAllString(expression, -1) {
		names = append(names, word[strings.LastIndex(word, ".")+1:])
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, "}")
	}
	return names
}
