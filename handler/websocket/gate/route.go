package gate

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"
)

// Table finds the route of a path. The comparison is made on the path as it will be sent on, byte for byte: an
// application may decode, fold or strip what it likes, and must not reach a route by a name that the table does not hold.
type Table struct {
	exact    map[string]*Route
	prefixes []prefix // longest first
}

type prefix struct {
	path  string // with its final slash
	route *Route
}

// NewTable puts the paths of the routes into one table. A path is taken whole (`/ws/chat/`), or, with a final `/*`,
// with everything below it. The same path twice, or one that is not clean, is an error.
func NewTable(routes []*Route) (*Table, error) {
	t := &Table{exact: make(map[string]*Route)}
	for _, route := range routes {
		for _, p := range route.Paths {
			if err := t.add(route, p); err != nil {
				return nil, &RouteError{route, err}
			}
		}
	}
	return t, nil
}

func (t *Table) add(route *Route, pattern string) error {
	trimmed, isPrefix := strings.CutSuffix(pattern, "*")
	if err := checkPattern(pattern, trimmed, isPrefix); err != nil {
		return err
	}
	escaped := (&url.URL{Path: trimmed}).EscapedPath()
	if !isPrefix {
		if other, taken := t.exact[escaped]; taken {
			return fmt.Errorf("path %s already belongs to route %s", pattern, other.Name)
		}
		t.exact[escaped] = route
		return nil
	}
	at := 0
	for i, p := range t.prefixes {
		if p.path == escaped {
			return fmt.Errorf("path %s already belongs to route %s", pattern, p.route.Name)
		}
		if len(p.path) >= len(escaped) {
			at = i + 1
		}
	}
	t.prefixes = append(t.prefixes[:at], append([]prefix{{escaped, route}}, t.prefixes[at:]...)...)
	return nil
}

func checkPattern(pattern, trimmed string, isPrefix bool) error {
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return fmt.Errorf("path %q: want a path that begins with a slash", pattern)
	case strings.Contains(trimmed, "*"), isPrefix && !strings.HasSuffix(trimmed, "/"):
		return fmt.Errorf("path %q: want a * only as the last segment, as in /ws/*", pattern)
	case strings.ContainsAny(trimmed, "{}"):
		return fmt.Errorf("path %q: want a path without braces; placeholders are not replaced in it", pattern)
	case !cleanPath(trimmed):
		return fmt.Errorf(`path %q: want a decoded path without //, . and .. segments, \, ;, %%, ?, # and control characters`, pattern)
	}
	return nil
}

// Lookup returns the route of the URL, or nil. More of the path in a pattern wins over less; a whole path over both.
func (t *Table) Lookup(u *url.URL) *Route {
	escaped := u.EscapedPath() // allocates only where something is to be escaped
	if route, ok := t.exact[escaped]; ok {
		return route
	}
	for _, p := range t.prefixes {
		if strings.HasPrefix(escaped, p.path) && cleanPath(u.Path) && cleanEscapes(u.RawPath) {
			return p.route
		}
	}
	return nil
}

// Disguised reports whether a path that the table does not hold becomes one of its paths when it is decoded, folded or
// cleaned, as an application behind the gate may do. It matters where unlisted attempts are let through.
func (t *Table) Disguised(u *url.URL) bool {
	for _, form := range pathForms(u.Path) {
		for pattern := range t.exact {
			if holdsPath(form, pattern) {
				return true
			}
		}
		for _, prefix := range t.prefixes {
			if prefix.path == "/" || holdsPath(form, prefix.path) {
				return true
			}
		}
	}
	return false
}

// pathForms is what servers may make of a path: all that it holds, or what stands before the first character that ends it for
// some; with the parameters of segments, or without them.
func pathForms(p string) []string {
	for range 3 {
		decoded, err := url.PathUnescape(p)
		if err != nil || decoded == p {
			break
		}
		p = decoded
	}
	p = strings.ToLower(strings.ReplaceAll(p, `\`, "/"))
	forms := []string{p, path.Clean("/" + p), path.Clean("/" + withoutParameters(p))}
	if end := strings.IndexAny(p, "?#\x00"); end >= 0 {
		forms = append(forms, path.Clean("/"+withoutParameters(p[:end])))
	}
	return forms
}

// holdsPath compares without case and final slash, and anywhere in another path, also within its segments: frameworks search
// for a route with patterns that are not anchored (Django's re_path, without ^ and $).
func holdsPath(form, pattern string) bool {
	pattern = strings.ToLower(strings.Trim(pattern, "/"))
	if pattern == "" {
		return path.Clean(form) == "/"
	}
	return strings.Contains(form+"/", pattern+"/")
}

// withoutParameters drops what some servers take for parameters of a segment: /ws;x/chat is /ws/chat to them.
func withoutParameters(p string) string {
	if !strings.Contains(p, ";") {
		return p
	}
	segments := strings.Split(p, "/")
	for i, segment := range segments {
		segments[i], _, _ = strings.Cut(segment, ";")
	}
	return strings.Join(segments, "/")
}

// cleanPath reports whether every server understands the decoded path alike.
func cleanPath(p string) bool {
	if strings.Contains(p, "//") || !utf8.ValidString(p) {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c < 0x20, c == 0x7f, c == '\\', c == ';', c == '%', c == '?', c == '#':
			return false
		case c == '/' && (strings.HasPrefix(p[i:], "/./") || strings.HasPrefix(p[i:], "/../")):
			return false
		}
	}
	return !strings.HasSuffix(p, "/.") && !strings.HasSuffix(p, "/..")
}

// cleanEscapes refuses an encoded slash or dot, which one server decodes before it looks for a route and another after.
func cleanEscapes(rawPath string) bool {
	for i := 0; i+2 < len(rawPath); i++ {
		if rawPath[i] != '%' {
			continue
		}
		switch strings.ToLower(rawPath[i+1 : i+3]) {
		case "2f", "2e", "5c", "25", "3b":
			return false
		}
	}
	return true
}
