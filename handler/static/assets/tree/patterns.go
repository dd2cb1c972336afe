package tree

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/scan2food/usher/handler/static/assets/variants"
)

// Patterns match URL paths. /admin/* matches every path below /admin/, and *.map every path that ends in .map. Any other pattern
// is a whole path, in which * stands for a part of one segment.
type Patterns []string

// Check reports a pattern that can never match.
func (p Patterns) Check() error {
	for _, pattern := range p {
		if isRegexp(pattern) {
			return fmt.Errorf("pattern %q looks like a regular expression: use a path such as /static/vendor/* or *.map", pattern)
		}
		if _, err := path.Match(pattern, "/"); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if strings.Contains(pattern, "/") && pattern[0] != '/' && pattern[0] != '*' {
			return fmt.Errorf("pattern %q matches no path: begin it with a slash, as in /static/vendor/*", pattern)
		}
		if pattern == "" {
			return errors.New("empty pattern: use one such as /static/vendor/* or *.map")
		}
	}
	return nil
}

// isRegexp reports a text that is a regular expression, and matches nothing as a pattern.
func isRegexp(pattern string) bool {
	if strings.HasPrefix(pattern, "^") || strings.HasPrefix(pattern, "~") || strings.HasSuffix(pattern, "$") {
		return true
	}
	for _, sign := range []string{`\.`, `\d`, `\w`, `\/`, `\-`, "(?", ".+", "]+", "]{", ")+", ")$", "|"} {
		if strings.Contains(pattern, sign) {
			return true
		}
	}
	return false
}

// CheckSome also reports a pattern that matches every file. With it, browsers would keep files that change, or no file is served.
func (p Patterns) CheckSome() error {
	for _, pattern := range p {
		if strings.Trim(pattern, "/*.?") == "" && pattern != "" {
			return fmt.Errorf("pattern %q matches every file: use one such as /static/vendor/* or *.woff2", pattern)
		}
	}
	return p.Check()
}

// CoverAll returns the pattern that matches every file below a prefix, or "".
func (p Patterns) CoverAll(prefix string) string {
	for _, pattern := range p {
		if below, is := strings.CutSuffix(pattern, "*"); is && strings.HasSuffix(below, "/") && !strings.ContainsAny(below, `*?[\`) && strings.HasPrefix(prefix, below) {
			return pattern
		}
	}
	return ""
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

// Hides reports whether the patterns hide a URL path: they match the path, a directory above it, or the file of which the path is a
// compressed form.
func (p Patterns) Hides(urlPath string) bool {
	for _, extension := range variants.Extensions {
		if plain, is := strings.CutSuffix(urlPath, extension); is && p.Match(plain) {
			return true
		}
	}
	for urlPath != "" && urlPath != "/" {
		if p.Match(urlPath) {
			return true
		}
		urlPath = strings.TrimSuffix(urlPath[:strings.LastIndexByte(urlPath, '/')+1], "/")
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

// hiddenSegment reports a segment of a path that is never served: a dotfile, except .well-known (RFC 8615).
func hiddenSegment(segment string) bool {
	return strings.HasPrefix(segment, ".") && segment != ".well-known"
}

// hiddenPlace reports a place below a root that is never served, whatever link leads to it. Kubernetes puts the files of a volume
// into directories whose names begin with two dots, and links lead there.
func hiddenPlace(place string) bool {
	if place == "." { // the root
		return false
	}
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

// maxPath is longer than any file system's path.
const maxPath = 4096

// IsPlain reports a decoded path below a prefix that a file below the root may have: clean, not hidden, and without bytes
// that some file systems treat specially.
func IsPlain(name string) bool {
	if len(name) > maxPath || strings.ContainsAny(name, "\x00\\") {
		return false
	}
	if name == "" {
		return true
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(name, "/"), "/") {
		if segment == "" || hiddenSegment(segment) {
			return false
		}
	}
	return true
}
