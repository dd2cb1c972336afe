package versionedassets

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Check validates the configuration. The Caddyfile grammar validates most options first, to report their line; JSON
// configurations are validated here alone.
func (a *Handler) Check(now time.Time) error {
	return errors.Join(a.checkServe(), a.CheckVersionQuery(), a.checkPatterns(), a.CheckStamp(), a.checkForget(now), a.CheckSettle(), a.checkDeltas(),
		a.CheckPoll(), a.checkFallback(), a.CheckSymlinks())
}

func (a *Handler) checkServe() error {
	if len(a.Serve) == 0 {
		return errors.New("serve is missing: write serve <URL prefix> <root>")
	}
	for _, root := range a.Serve {
		if err := CheckPrefix(root.Prefix); err != nil {
			return fmt.Errorf("serve: %w%s", err, lifecycle.AtSource(root.Source))
		}
	}
	return nil
}

// CheckPrefix rejects a prefix that no decoded URL path can begin with, and patterns, placeholders and queries. Such a prefix
// would match no request.
func CheckPrefix(prefix string) error {
	clean := strings.TrimSuffix(path.Clean(prefix), "/") + "/"
	if prefix != clean || prefix[0] != '/' || strings.ContainsAny(prefix, `*?#%{}\`) {
		return fmt.Errorf("want a URL prefix such as /static/, got %q", prefix)
	}
	return nil
}

// CheckVersionQuery rejects names that would be encoded in a query. Parameters are compared without decoding.
func (a *Handler) CheckVersionQuery() error {
	for _, name := range a.VersionQuery {
		if name == "" || strings.ContainsAny(name, "&=#%+{} ") {
			return fmt.Errorf("version_query: want the name of a query parameter such as v, got %q", name)
		}
	}
	return nil
}

func (a *Handler) checkPatterns() error {
	if err := tree.Patterns(a.Immutable).CheckSome(); err != nil {
		return fmt.Errorf("immutable: %w", err)
	}
	if err := tree.Patterns(a.Unstamped).Check(); err != nil {
		return fmt.Errorf("unstamped: %w", err)
	}
	if err := tree.Patterns(a.Hide).CheckSome(); err != nil {
		return fmt.Errorf("hide: %w", err)
	}
	return nil
}

// CheckSettle validates the times of settle.
func (a *Handler) CheckSettle() error {
	for _, duration := range []time.Duration{time.Duration(a.Settle), time.Duration(a.Vanished)} {
		if duration < 0 {
			return fmt.Errorf("settle: want a duration such as 1s, got %s", duration)
		}
	}
	if a.Vanished != 0 && a.Vanished < a.Settle {
		return fmt.Errorf("settle: want a second time of at least the first, %s, got %s", time.Duration(a.Settle), time.Duration(a.Vanished))
	}
	return nil
}

// minPoll limits the work of reading a directory again and again.
const minPoll = 100 * time.Millisecond

// CheckPoll validates the poll interval.
func (a *Handler) CheckPoll() error {
	if a.Poll != 0 && time.Duration(a.Poll) < minPoll {
		return fmt.Errorf("poll: want at least %s, got %s", minPoll, time.Duration(a.Poll))
	}
	return nil
}

// The values of symlinks.
const linksInside, linksFollow = "inside", "follow"

// CheckSymlinks checks the value of symlinks.
func (a *Handler) CheckSymlinks() error {
	if a.Symlinks != "" && a.Symlinks != linksInside && a.Symlinks != linksFollow {
		return fmt.Errorf("symlinks: want inside or follow, got %q", a.Symlinks)
	}
	return nil
}

// checkFallback rejects a page that is under none of the prefixes.
func (a *Handler) checkFallback() error {
	if a.Fallback == "" {
		return nil
	}
	if a.PassThru {
		return errors.New("fallback: want fallback or pass_thru, got both: pass_thru leaves navigations to the next handler")
	}
	var prefixes []string
	for _, root := range a.Serve {
		if strings.HasPrefix(a.Fallback, root.Prefix) {
			return nil
		}
		prefixes = append(prefixes, root.Prefix)
	}
	return fmt.Errorf("fallback: want the path of a page below %s, got %q", strings.Join(prefixes, " or "), a.Fallback)
}

// checkArchiveDirectory rejects an archive in a served directory. Its content would be published and archived again, until the
// disk is full.
func (a *Handler) checkArchiveDirectory(directory string) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	for _, served := range a.Serve {
		root, err := servedDirectory(served.Root)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(resolveLinks(root), resolveLinks(directory))
		if err == nil && filepath.IsLocal(below) && !hasHiddenSegment(below) {
			return fmt.Errorf("keep_directory: want a directory outside %s, which is served, got %s", root, directory)
		}
	}
	return nil
}

// resolveLinks resolves the symbolic links in the part of the path that exists.
func resolveLinks(name string) string {
	target, err := filepath.EvalSymlinks(name)
	switch {
	case err == nil:
		return target
	case filepath.Dir(name) == name:
		return name
	default:
		return filepath.Join(resolveLinks(filepath.Dir(name)), filepath.Base(name))
	}
}

// hasHiddenSegment reports a path in a dot directory. Dot directories are not served.
func hasHiddenSegment(name string) bool {
	for segment := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if strings.HasPrefix(segment, ".") && segment != "." && segment != ".well-known" {
			return true
		}
	}
	return false
}
