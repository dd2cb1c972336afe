package assets

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Patterns matches paths as a configuration writes them: /admin/* is all below /admin/, *.map every file that ends so;
// any other pattern is a whole path in which a * stands for a part of one segment.
type Patterns []string

// Check reports a pattern that can never match.
func (p Patterns) Check() error {
	for _, pattern := range p {
		if _, err := path.Match(pattern, "/"); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if pattern == "" {
			return errors.New("want a pattern such as /static/vendor/* or *.map, got an empty one")
		}
	}
	return nil
}

// Match reports whether a URL path matches.
func (p Patterns) Match(urlPath string) bool {
	for _, pattern := range p {
		if matchPattern(pattern, urlPath) {
			return true
		}
	}
	return false
}

func matchPattern(pattern, urlPath string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/*"); ok && !strings.ContainsAny(prefix, "*?[\\") {
		return strings.HasPrefix(urlPath, prefix+"/")
	}
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok && !strings.ContainsAny(suffix, "*?[\\/") {
		return strings.HasSuffix(urlPath, suffix)
	}
	if !strings.Contains(pattern, "/") {
		matched, _ := path.Match(pattern, path.Base(urlPath))
		return matched
	}
	matched, _ := path.Match(pattern, urlPath)
	return matched
}

// hiddenSegment reports a segment of a path that is never served: dotfiles, but for /.well-known (RFC 8615).
func hiddenSegment(segment string) bool {
	return strings.HasPrefix(segment, ".") && segment != ".well-known"
}

// hiddenPlace reports a place below a root that is never served, under whatever name. In directories whose names begin with two
// dots Kubernetes has the files of a volume, and names them by links outside of these.
func hiddenPlace(place string) bool {
	directory, name := path.Split(place)
	if hiddenSegment(name) {
		return true
	}
	for segment := range strings.SplitSeq(directory, "/") {
		if hiddenSegment(segment) && !strings.HasPrefix(segment, "..") {
			return true
		}
	}
	return false
}

// hidesTarget reports a link to what a pattern hides.
func (h *Handler) hidesTarget(site *Site, file *File) bool {
	disk := file.source().disk
	return len(h.Hide) > 0 && disk != file.Path && disk != "" && h.Hide.Match(site.Prefix+disk)
}

// maxPath is longer than any file system's path.
const maxPath = 4096

// relative turns the decoded path of a URL below a prefix into a path below the root. ok=false is a path that no file
// has: not clean, hidden, or with bytes that file systems read in ways of their own.
func relative(rest string) (path string, ok bool) {
	if len(rest) > maxPath || strings.ContainsAny(rest, "\x00\\") {
		return "", false
	}
	if rest == "" {
		return "", true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		if segment == "" || hiddenSegment(segment) {
			return "", false
		}
	}
	return rest, true
}

// encodesSlash reports a slash that is no separator in the URL: the decoded path no longer tells.
func encodesSlash(r *http.Request) bool {
	return strings.Contains(r.URL.RawPath, "%2F") || strings.Contains(r.URL.RawPath, "%2f")
}
