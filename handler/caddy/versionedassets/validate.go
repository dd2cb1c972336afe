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

// check is for what a JSON configuration can be wrong in as a Caddyfile can, and for words that do not go together. A Caddyfile
// says of one word where it stands.
func (a *Handler) Check(now time.Time) error {
	return errors.Join(a.checkServe(), a.CheckVersionQuery(), a.checkPatterns(), a.CheckStamp(), a.checkForget(now), a.checkSettle(),
		a.CheckPoll(), a.checkFallback(), a.CheckSymlinks())
}

func (a *Handler) checkServe() error {
	if len(a.Serve) == 0 {
		return errors.New("want at least one serve")
	}
	for _, root := range a.Serve {
		if err := CheckPrefix(root.Prefix); err != nil {
			return fmt.Errorf("serve: %w%s", err, lifecycle.AtSource(root.Source))
		}
	}
	return nil
}

// checkPrefix wants what a decoded path can begin with, and nothing that was meant as a pattern, a placeholder or a query: it would
// match no request, and nobody would be told.
func CheckPrefix(prefix string) error {
	clean := strings.TrimSuffix(path.Clean(prefix), "/") + "/"
	if prefix != clean || prefix[0] != '/' || strings.ContainsAny(prefix, `*?#%{}\`) {
		return fmt.Errorf("want a URL prefix such as /static/, got %q", prefix)
	}
	return nil
}

// checkVersionQuery wants words as they stand in a query, undecoded.
func (a *Handler) CheckVersionQuery() error {
	for _, word := range a.VersionQuery {
		if word == "" || strings.ContainsAny(word, "&=#%+{} ") {
			return fmt.Errorf("version_query: want a word of the query such as v, got %q", word)
		}
	}
	return nil
}

func (a *Handler) checkPatterns() error {
	if err := tree.Patterns(a.Immutable).Check(); err != nil {
		return fmt.Errorf("immutable: %w", err)
	}
	if err := tree.Patterns(a.Hide).Check(); err != nil {
		return fmt.Errorf("hide: %w", err)
	}
	return nil
}

func (a *Handler) checkSettle() error {
	for _, duration := range []time.Duration{time.Duration(a.Settle), time.Duration(a.Vanished)} {
		if duration < 0 {
			return fmt.Errorf("settle: want a duration such as 1s, got %s", duration)
		}
	}
	return nil
}

// minPoll is how often a tree may be looked at: there is work in it.
const minPoll = 100 * time.Millisecond

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

// checkFallback wants a page that is served here: no other could be found.
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

// checkKept wants what is kept to be outside of what is served: it would be published, and each generation would be kept in the
// next one, until the disk is full.
func (a *Handler) checkKept(directory string) error {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return err
	}
	for _, served := range a.Serve {
		root, err := servedDirectory(served.Root)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(resolved(root), resolved(directory))
		if err == nil && filepath.IsLocal(below) && !hasHiddenSegment(below) {
			return fmt.Errorf("keep_directory: want a directory that is not served, got %s, which is in %s", directory, root)
		}
	}
	return nil
}

// resolved is a path behind its links, as far as it is there.
func resolved(name string) string {
	place, err := filepath.EvalSymlinks(name)
	switch {
	case err == nil:
		return place
	case filepath.Dir(name) == name:
		return name
	default:
		return filepath.Join(resolved(filepath.Dir(name)), filepath.Base(name))
	}
}

// hasHiddenSegment reports a path that is not served, since it is in a dot directory.
func hasHiddenSegment(name string) bool {
	for segment := range strings.SplitSeq(filepath.ToSlash(name), "/") {
		if strings.HasPrefix(segment, ".") && segment != "." && segment != ".well-known" {
			return true
		}
	}
	return false
}
