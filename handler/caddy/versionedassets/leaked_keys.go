package versionedassets

import (
	"context"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/redact"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// leakedKeys logs keys of the server's gates that it finds in the files of one directory. The files are public.
type leakedKeys struct {
	server   *caddyhttp.Server
	served   *servedRoot
	logger   *zap.Logger
	searched map[*tree.File]bool // of the latest generation
	warned   map[string]bool     // by label and URL
}

// warnOfLeakedKeys searches the text files in memory for keys: in the background, once a generation.
func (a *Handler) warnOfLeakedKeys(ctx caddy.Context) {
	for _, served := range a.served {
		keys := &leakedKeys{server: lifecycle.Server(ctx), served: served, logger: ctx.Logger(), warned: make(map[string]bool)}
		go keys.follow(ctx)
	}
}

func (l *leakedKeys) follow(ctx context.Context) {
	published := make(chan struct{}, 1)
	unfollow := l.served.tree.OnPublish(func() {
		select {
		case published <- struct{}{}:
		default:
		}
	})
	defer unfollow()
	for {
		if catalog := l.served.tree.Current(); catalog != nil {
			l.search(catalog)
		}
		select {
		case <-ctx.Done():
			return
		case <-published:
		}
	}
}

// search skips files that the previous generation had, too: an unchanged file keeps its pointer.
func (l *leakedKeys) search(catalog *tree.Catalog) {
	before := l.searched
	l.searched = make(map[*tree.File]bool)
	for file := range catalog.All() {
		l.searched[file] = true
		if !before[file] && utf8.Valid(file.Content) {
			l.warn(l.served.prefix+file.Path, string(file.Content))
		}
	}
}

func (l *leakedKeys) warn(url, text string) {
	for g := range redact.GatesOf(l.server) {
		for _, found := range g.FindKeys(text) {
			if finding := found.Label + "\n" + url; !l.warned[finding] {
				l.warned[finding] = true
				l.logger.Warn("public file contains a key",
					zap.String("route", found.Route), zap.String("key", found.Label), zap.String("file", url))
			}
		}
	}
}
