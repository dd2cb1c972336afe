package usher

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// publicDirectory is a directory that a file_server serves, dotfiles and all.
type publicDirectory struct {
	root string   // absolute
	hide []string // absolute patterns, and such of one element
}

// publicDirectories are those of the routes of a server. Roots that depend on the request are not known.
func publicDirectories(server *caddyhttp.Server) []publicDirectory {
	var found directorySet
	atFirst := siteRoots{roots: []string{"."}} // Caddy's default
	found.collect(server.Routes, atFirst)
	for _, route := range server.NamedRoutes {
		found.collect(caddyhttp.RouteList{*route}, atFirst)
	}
	return found
}

// siteRoots is what the variables root and fs may be where a handler stands.
type siteRoots struct {
	roots   []string
	virtual bool // another file system
}

type directorySet []publicDirectory

func (s *directorySet) collect(routes caddyhttp.RouteList, at siteRoots) siteRoots {
	for _, route := range routes {
		before := at
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *caddyhttp.VarsMiddleware:
				at = at.with(*handler)
			case *caddyhttp.Subroute:
				at = s.collect(handler.Routes, at)
			case *fileserver.FileServer:
				s.add(handler, at)
			}
		}
		switch {
		case route.Terminal:
			at = before
		case len(route.MatcherSets) > 0: // it may apply or not
			at.roots = slices.Concat(before.roots, at.roots)
		}
	}
	return at
}

func (at siteRoots) with(vars caddyhttp.VarsMiddleware) siteRoots {
	if root, ok := vars["root"].(string); ok {
		at.roots = []string{root}
	}
	if _, ok := vars["fs"]; ok {
		at.virtual = true
	}
	return at
}

func (s *directorySet) add(server *fileserver.FileServer, at siteRoots) {
	// Provision has set what was not configured.
	if server.FileSystem != "{http.vars.fs}" || at.virtual {
		return
	}
	roots := []string{server.Root}
	if server.Root == "{http.vars.root}" {
		roots = at.roots
	}
	for _, root := range roots {
		root, ok := staticPath(root)
		if !ok {
			continue
		}
		directory := publicDirectory{root: root, hide: hidden(server.Hide)}
		if !slices.ContainsFunc(*s, func(other publicDirectory) bool {
			return other.root == root && slices.Equal(other.hide, directory.hide)
		}) {
			*s = append(*s, directory)
		}
	}
}

// staticPath is absolute. ok=false: it depends on the request.
func staticPath(path string) (absolute string, ok bool) {
	path = caddy.NewReplacer().ReplaceKnown(path, "")
	if strings.Contains(path, "{") {
		return "", false
	}
	absolute, err := filepath.Abs(path)
	return absolute, err == nil
}

func hidden(patterns []string) []string {
	var hide []string
	for _, pattern := range patterns {
		if !strings.ContainsRune(pattern, filepath.Separator) {
			hide = append(hide, pattern)
			continue
		}
		if absolute, ok := staticPath(pattern); ok {
			hide = append(hide, absolute)
		}
	}
	return hide
}

// hides reports what the file_server answers with 404: a pattern of one element hides that wherever it stands, any other
// what it names and all below.
func (d publicDirectory) hides(path string) bool {
	elements := strings.Split(path, string(filepath.Separator))
	for _, pattern := range d.hide {
		if !strings.ContainsRune(pattern, filepath.Separator) {
			if slices.ContainsFunc(elements, func(element string) bool { return matchesName(pattern, element) }) {
				return true
			}
		}
		if rest, below := strings.CutPrefix(path, pattern); below && strings.HasPrefix(rest, string(filepath.Separator)) || matchesName(pattern, path) {
			return true
		}
	}
	return false
}

func matchesName(pattern, name string) bool {
	matches, err := filepath.Match(pattern, name)
	return err == nil && matches
}
