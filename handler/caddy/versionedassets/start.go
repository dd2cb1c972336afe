package versionedassets

import (
	"path"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

// startWithSite reads the directories once the configuration has started. `caddy validate` reads none. A request before
// then starts its tree, too.
func (a *Handler) startWithSite(ctx caddy.Context) error {
	return lifecycle.OnStarted(ctx, func() { a.start(ctx) })
}

// whenInForce calls a function once the configuration is in force. A configuration that fails to load must not change what it
// shares with the running one.
func (a *Handler) whenInForce(apply func()) { a.inForce = append(a.inForce, apply) }

func (a *Handler) start(ctx caddy.Context) {
	for _, apply := range a.inForce {
		apply()
	}
	if a.pages != nil {
		hosts := a.otherHosts()
		a.generations.FollowHosts(hosts)
		a.pages.SetHosts(hosts)
	}
	for _, served := range a.served {
		served.tree.Start()
	}
	a.warnOfLeakedKeys(ctx)
	go a.removeAbandoned(ctx)
	a.warnOfOtherBlocks(ctx)
	a.warnOfWildcardHosts(ctx)
	a.warnOfDeferred(ctx)
	a.warnOfShadow(ctx)
	a.warnOfEndlessPassThru(ctx)
	a.checked = make(chan struct{})
	go func() { // these wait for the first reading
		defer close(a.checked)
		if !a.warnOfUnstampedPages(ctx) {
			a.warnOfHiddenHandlers(ctx)
		}
		a.warnOfRewrites(ctx)
		a.warnOfUnusedPatterns(ctx)
		a.warnOfImmutablePrefix(ctx)
		a.warnOfMissingFallback(ctx)
	}()
}

// warnOfUnusedPatterns waits for the first reading and logs the patterns of immutable that match no file.
func (a *Handler) warnOfUnusedPatterns(ctx caddy.Context) {
	unused := slices.Clone(a.Immutable)
	for _, site := range a.handler.Sites {
		catalog := site.Tree.Catalog(ctx)
		if catalog == nil {
			return
		}
		for file := range catalog.All() {
			unused = slices.DeleteFunc(unused, func(pattern string) bool { return tree.Patterns{pattern}.Match(site.Prefix + file.Path) })
		}
	}
	for _, pattern := range unused {
		ctx.Logger().Warn("immutable pattern matches no file", zap.String("pattern", pattern), zap.String("source", a.Serve[0].Source))
	}
}

// warnOfImmutablePrefix waits for the first reading and logs a pattern of immutable that covers a prefix, if a file there has no
// version in its name: browsers would keep that file for a year. Directories of build tools may have such names only.
func (a *Handler) warnOfImmutablePrefix(ctx caddy.Context) {
	for _, site := range a.handler.Sites {
		pattern := tree.Patterns(a.Immutable).CoverAll(site.Prefix)
		if pattern == "" {
			continue
		}
		catalog := site.Tree.Catalog(ctx)
		if catalog == nil {
			return
		}
		for file := range catalog.All() {
			if !fingerprint.MayBeHashed(path.Base(file.Path)) {
				ctx.Logger().Warn("immutable pattern covers files without a version", zap.String("pattern", pattern),
					zap.String("file", site.Prefix+file.Path), zap.String("remedy", "name only files whose content never changes, such as /static/vendor/*"),
					zap.String("source", a.Serve[0].Source))
				break
			}
		}
	}
}

// warnOfMissingFallback waits for the first reading and logs a fallback page that does not exist. A missing page is no error
// at load, since the next deploy may add it.
func (a *Handler) warnOfMissingFallback(ctx caddy.Context) {
	for _, site := range a.handler.Sites { // the longest prefix first
		rest, below := strings.CutPrefix(a.Fallback, site.Prefix)
		if !below {
			continue
		}
		if catalog := site.Tree.Catalog(ctx); catalog != nil && catalog.Lookup(rest) == nil {
			ctx.Logger().Warn("fallback page missing; navigations get 404", zap.String("path", a.Fallback))
		}
		return
	}
}
