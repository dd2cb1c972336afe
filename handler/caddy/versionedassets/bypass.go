package versionedassets

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
)

// unstampedPages returns how the configuration should be changed so that pages pass the handler, or "".
func (a *Handler) unstampedPages() string {
	p, prefixes := &a.place, a.prefixes()
	switch {
	case a.Stamps(StampHTML) && p.intercepted:
		return "write intercept after versioned_assets in the same block"
	case !a.Stamps(StampHTML) || !p.after && !p.elsewhere || p.passesPages(prefixes, a.PassThru):
		return ""
	case p.inner && slices.Contains(prefixes, "/") && !a.PassThru:
		return "put versioned_assets outside of handle blocks, without a matcher, and add pass_thru"
	case p.inner:
		return "put versioned_assets outside of handle blocks, without a matcher"
	default:
		return "add pass_thru"
	}
}

// warnOfShadow logs that no request below the prefixes reaches the handler.
func (a *Handler) warnOfShadow(ctx caddy.Context) {
	if a.place.shadowed {
		ctx.Logger().Warn("versioned_assets gets no requests; another handler answers",
			zap.String("remedy", "write versioned_assets before the other handler, or exclude the prefix from its matcher"),
			zap.String("source", a.Serve[0].Source))
	}
}

// warnOfUnstampedPages logs that `stamp html` has no effect on the pages of the site, and reports whether it did.
func (a *Handler) warnOfUnstampedPages(ctx caddy.Context) (logged bool) {
	if a.Stamps(StampHTML) && a.placed && !a.place.responds && !a.servesPages(ctx) {
		ctx.Logger().Warn("no pages pass versioned_assets; stamp html is ineffective",
			zap.String("remedy", "write versioned_assets with stamp html in the site of the pages"), zap.String("source", a.Serve[0].Source))
		return true
	}
	remedy := a.unstampedPages()
	if remedy == "" || !a.place.intercepted && a.servesPages(ctx) {
		return false
	}
	ctx.Logger().Warn("pages bypass versioned_assets and are not stamped",
		zap.String("remedy", remedy), zap.String("source", a.Serve[0].Source))
	return true
}

// warnOfHiddenHandlers logs that `serve /` without pass_thru takes all requests from the handlers after it. In a site with a gate these
// handlers may be for sockets.
func (a *Handler) warnOfHiddenHandlers(ctx caddy.Context) {
	if a.PassThru || !a.place.hides || !slices.Contains(a.prefixes(), "/") || a.place.gated && (a.Fallback != "" || a.servesPages(ctx)) {
		return
	}
	remedy := "add pass_thru"
	if a.Fallback != "" {
		remedy = "write the other handlers in handle blocks, and versioned_assets in the last one"
	}
	ctx.Logger().Warn("serve / hides the handlers after it", zap.String("remedy", remedy), zap.String("source", a.Serve[0].Source))
}

// warnOfEndlessPassThru logs that no handler gets the requests that pass_thru passes on. Caddy would answer them with an empty page.
func (a *Handler) warnOfEndlessPassThru(ctx caddy.Context) {
	if a.PassThru && a.placed && !a.place.next {
		ctx.Logger().Warn("pass_thru has no next handler; answering 404",
			zap.String("remedy", "remove pass_thru, or write a handler after versioned_assets"), zap.String("source", a.Serve[0].Source))
	}
}

// warnOfOtherBlocks logs the prefixes of other blocks of the site that this block does not stamp in pages, since only their own
// block knows their files.
func (a *Handler) warnOfOtherBlocks(ctx caddy.Context) {
	if !a.Stamps(StampHTML) {
		return
	}
	own := a.served[0]
	var prefixes []string
	for other := range servedRoots.Of(own.server) {
		if other.app == own.app && other.site == own.site && !other.stamped && !slices.Contains(a.prefixes(), other.prefix) {
			prefixes = append(prefixes, other.prefix)
		}
	}
	if len(prefixes) > 0 {
		ctx.Logger().Warn("files of another versioned_assets block are not stamped", zap.Strings("prefixes", prefixes),
			zap.String("remedy", "write all serve lines in one block, or add stamp html to the other block"),
			zap.String("source", a.Serve[0].Source))
	}
}

// servesPages waits for the first reading and reports an index page among the served files. A site of such files may need nothing
// else stamped.
func (a *Handler) servesPages(ctx caddy.Context) bool {
	for _, site := range a.handler.Sites {
		catalog := site.Tree.Catalog(ctx)
		if catalog == nil {
			continue
		}
		for file := range catalog.All() {
			if file.Path == "index.html" || strings.HasSuffix(file.Path, "/index.html") {
				return true
			}
		}
	}
	return false
}
