package gate

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table finds the route of a path. It compares the path that the application will receive, byte for byte: an application that
// decodes, folds or trims paths must not reach a route by a path that the table does not list.
type Table struct {
	exact    map[string]*Route
	listed   []string // the paths of exact, sorted
	prefixes []prefix // longest first
}

type prefix struct {
	path  string // with its final slash
	route *Route
}

// NewTable returns the table of the routes. A path matches exactly (`/ws/chat/`), or, with a final `/*`, everything below it. A
// duplicate path, or one that is not clean, is an error.
func NewTable(routes []*Route) (*Table, error) {
	t := &Table{exact: make(map[string]*Route)}
	for _, route := range routes {
		for _, p := range route.Paths {
			if err := t.add(route, p); err != nil {
				return nil, &RouteError{route, err}
			}
		}
	}
	t.listed = slices.Sorted(maps.Keys(t.exact))
	return t, nil
}

func (t *Table) add(route *Route, pattern string) error {
	if err := CheckPattern(pattern); err != nil {
		return err
	}
	trimmed, isPrefix := strings.CutSuffix(pattern, "*")
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

// CheckPattern rejects a path that no clean request has. A final /* stands for all paths below.
func CheckPattern(pattern string) error {
	trimmed, isPrefix := strings.CutSuffix(pattern, "*")
	switch {
	case !strings.HasPrefix(pattern, "/"):
		return fmt.Errorf("path %q: want a path that begins with a slash", pattern)
	case strings.Contains(trimmed, "*"), isPrefix && !strings.HasSuffix(trimmed, "/"):
		return fmt.Errorf("path %q: want a * only as the last segment, as in /ws/*", pattern)
	case strings.ContainsAny(trimmed, "{}"):
		return fmt.Errorf("path %q: want a path without braces; placeholders are not replaced in it", pattern)
	case !cleanPath(trimmed), strings.ContainsAny(trimmed, ";%"):
		return fmt.Errorf(`path %q: want a decoded path without //, . and .. segments, \, ;, %%, ?, # and control characters`, pattern)
	}
	return nil
}

// Lookup returns the route of the URL, or nil. A longer pattern takes precedence over a shorter one, and an exact path over both.
// If the path is below a pattern and servers disagree on it, Lookup returns the fault instead of a route.
func (t *Table) Lookup(u *url.URL) (*Route, *Fault) {
	escaped := u.EscapedPath() // allocates only for paths with escapes
	route, exact := t.match(escaped)
	if route != nil && !exact && !t.unambiguous(escaped, route) {
		return nil, &faultPath
	}
	return route, nil
}

var faultPath = Fault{http.StatusForbidden,
	"servers disagree on this path: it is not UTF-8, or holds an escaped slash or dot, //, a dot segment, a backslash, ?, # or a control character"}

// match finds the route of an escaped path.
func (t *Table) match(escaped string) (route *Route, exact bool) {
	if route, ok := t.exact[escaped]; ok {
		return route, true
	}
	for _, p := range t.prefixes {
		if strings.HasPrefix(escaped, p.path) {
			return p.route, false
		}
	}
	return nil, false
}

// unambiguous reports whether the path leads to the route however often a server decodes it, and whether or not a server drops
// what follows a semicolon.
func (t *Table) unambiguous(path string, route *Route) bool {
	for range maxDecodings {
		if !cleanEscapes(path) {
			return false
		}
		decoded := unescape(path)
		if !cleanPath(decoded) {
			return false
		}
		if strings.Contains(decoded, ";") {
			short := withoutParameters(decoded)
			if other, _ := t.match((&url.URL{Path: short}).EscapedPath()); !cleanPath(short) || other != route {
				return false
			}
		}
		if decoded == path {
			return true
		}
		if other, _ := t.match((&url.URL{Path: decoded}).EscapedPath()); other != route {
			return false
		}
		path = decoded
	}
	return !hasEscape(path)
}

// Disguised reports whether a path that the table does not list contains one of its paths once it is decoded, folded or cleaned,
// as applications do. It protects the routes where unlisted requests are passed.
func (t *Table) Disguised(u *url.URL) bool {
	for _, form := range pathForms(u.Path) {
		for pattern := range t.exact {
			if containsPath(form, pattern) {
				return true
			}
		}
		for _, prefix := range t.prefixes {
			if prefix.path == "/" || containsPath(form, prefix.path) {
				return true
			}
		}
	}
	return false
}

// pathForms returns what servers may read from a path: all of it, or the part before a character that ends a path for some of
// them; with or without the parameters of segments; with or without control characters and blanks, which some servers drop and some
// patterns ignore at the end.
func pathForms(p string) []string {
	eachDecoding(p, func(decoded string) bool {
		p = decoded
		return true
	})
	p = fold(strings.ReplaceAll(p, `\`, "/"))
	visible := strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f || unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, p)
	forms := []string{p, path.Clean("/" + p), path.Clean("/" + withoutParameters(p)), visible, path.Clean("/" + withoutParameters(visible))}
	if end := strings.IndexAny(p, "?#\x00"); end >= 0 {
		forms = append(forms, path.Clean("/"+withoutParameters(p[:end])))
	}
	return forms
}

// containsPath ignores case and the final slash. It finds the escaped pattern anywhere in the form, also within segments: frameworks
// match with patterns that are not anchored (Django's re_path without ^ and $).
func containsPath(form, pattern string) bool {
	pattern = fold(unescape(strings.Trim(pattern, "/")))
	if pattern == "" {
		return path.Clean(form) == "/"
	}
	return strings.Contains(form+"/", pattern+"/")
}

// fold returns the path without case, as patterns that ignore case read it: ſ is an s.
func fold(p string) string { return strings.ToLower(strings.ToUpper(p)) }

// withoutParameters drops the parameters of segments. Some servers read /ws;x/chat as /ws/chat.
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

// cleanPath reports whether all servers agree on the decoded path.
func cleanPath(p string) bool {
	if strings.Contains(p, "//") || !utf8.ValidString(p) {
		return false
	}
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c < 0x20, c == 0x7f, c == '\\', c == '?', c == '#':
			return false
		case c == '/' && (strings.HasPrefix(p[i:], "/./") || strings.HasPrefix(p[i:], "/../")):
			return false
		}
	}
	return !strings.HasSuffix(p, "/.") && !strings.HasSuffix(p, "/..")
}

// Suggest returns a path of the table that differs from the path in case or in its final slash alone, or "".
func (t *Table) Suggest(u *url.URL) string {
	escaped := strings.TrimSuffix(u.EscapedPath(), "/")
	for _, listed := range t.listed {
		if strings.EqualFold(strings.TrimSuffix(listed, "/"), escaped) {
			return listed
		}
	}
	for _, p := range t.prefixes {
		above := strings.TrimSuffix(p.path, "/")
		if strings.EqualFold(above, escaped) || len(escaped) >= len(p.path) && strings.EqualFold(p.path, escaped[:len(p.path)]) {
			return p.path + "*"
		}
	}
	return ""
}

// isPlainPath reports whether the path of the URL is clean and has no escapes but those that its characters need.
func isPlainPath(u *url.URL) bool {
	return u.Opaque == "" && cleanPath(u.Path) && !strings.ContainsAny(u.Path, ";%") && !strings.Contains(u.RawPath, "%")
}

// cleanEscapes rejects an encoded slash or dot, which servers decode either before or after they look for a route.
func cleanEscapes(rawPath string) bool {
	for i := 0; i+2 < len(rawPath); i++ {
		if rawPath[i] != '%' {
			continue
		}
		switch strings.ToLower(rawPath[i+1 : i+3]) {
		case "2f", "2e", "5c":
			return false
		}
	}
	return true
}
