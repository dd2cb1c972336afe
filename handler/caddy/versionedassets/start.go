package versionedassets

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
)

// startWithSite has the directories read when the configuration starts: one that is only checked (`caddy validate`) reads
// none. A request that comes before is a start too.
func (a *Handler) startWithSite(ctx caddy.Context) error {
	return lifecycle.OnStarted(ctx, func() { a.start(ctx) })
}

func (a *Handler) start(ctx caddy.Context) {
	for _, served := range a.served {
		served.tree.Start()
	}
	a.warnOfLeakedKeys(ctx)
	go a.removeAbandoned(ctx)
	if a.Fallback != "" {
		go a.tellFallback(ctx)
	}
}

// tellFallback says of a page that is not there, once it is known what is: a name with a mistake in it looks like any 404. It may
// come with the next deployment: that is no error.
func (a *Handler) tellFallback(ctx caddy.Context) {
	for _, site := range a.handler.Sites { // the longest prefix first
		rest, below := strings.CutPrefix(a.Fallback, site.Prefix)
		if !below {
			continue
		}
		if catalog := site.Tree.Catalog(ctx); catalog != nil && catalog.Lookup(rest) == nil {
			ctx.Logger().Warn("fallback: there is no such file, and navigations get 404",
				zap.String("path", a.Fallback))
		}
		return
	}
}
