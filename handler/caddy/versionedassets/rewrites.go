package versionedassets

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/routing"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

const (
	// maxRewriteSamples bounds the files of a prefix whose requests warnOfRewrites follows.
	maxRewriteSamples = 1000
	// maxSampleHosts bounds the hosts of a named route.
	maxSampleHosts = 10
	// removedFile stands for the files of earlier deploys. Their URLs are served from the archive.
	removedFile = "removed-by-a-deploy.js"
)

// warnOfRewrites waits for the first reading and logs, for each prefix, a rewrite that changes the URLs of files before the handler.
func (a *Handler) warnOfRewrites(ctx caddy.Context) {
	if a.server == nil {
		return
	}
	for _, served := range a.served {
		a.warnOfRewriteOf(ctx, served)
	}
}

// rewrittenFile is a file whose URL a rewrite changes.
type rewrittenFile struct{ path, becomes string }

func (a *Handler) warnOfRewriteOf(ctx caddy.Context, served *servedRoot) {
	files := rewriteSamples(ctx, served.tree)
	for _, host := range a.sampleHosts() {
		for _, file := range files {
			if ctx.Err() != nil {
				return
			}
			if path, becomes, remedy := a.rewritten(ctx, host, served.prefix, file); remedy != "" {
				served.rewritten.Store(&rewrittenFile{file, becomes})
				ctx.Logger().Warn("rewrite changes asset URLs before versioned_assets", zap.String("prefix", served.prefix), zap.String("path", path),
					zap.String("becomes", becomes), zap.String("remedy", remedy), zap.String("source", a.Serve[0].Source))
				return
			}
		}
	}
}

// sampleHosts returns hosts whose requests come to the handler: one of the site, or any in a named route and in a site of every host.
func (a *Handler) sampleHosts() []string {
	if own := named(a.served[0].hosts); len(own) > 0 {
		return own[:1]
	}
	hosts := []string{"localhost"}
	for _, route := range a.server.Routes {
		for _, set := range route.MatcherSets {
			for _, matcher := range set {
				if m, is := matcher.(*caddyhttp.MatchHost); is {
					hosts = append(hosts, named(*m)...)
				}
			}
		}
	}
	return hosts[:min(len(hosts), maxSampleHosts)]
}

// named returns hosts without placeholders, and with a name for each wildcard.
func named(hosts []string) (names []string) {
	for _, host := range hosts {
		if !strings.Contains(host, "{") {
			names = append(names, strings.ReplaceAll(host, "*", "www"))
		}
	}
	return names
}

// rewriteSamples returns paths of a tree: files, and a file that is gone.
func rewriteSamples(ctx context.Context, t *tree.Tree) (files []string) {
	if catalog := t.Catalog(ctx); catalog != nil {
		for file := range catalog.All() {
			if files = append(files, file.Path); len(files) == maxRewriteSamples {
				break
			}
		}
	}
	return append(files, removedFile)
}

// rewritten follows requests for a file to the handler. If a rewrite changes their path, rewritten returns the path as clients write
// it, the changed path, and a remedy.
func (a *Handler) rewritten(ctx context.Context, host, prefix, file string) (path, becomes, remedy string) {
	mounts := a.place.mounts()
	for _, mount := range mounts {
		path := mount + prefix + file
		switch end := a.follow(ctx, host, path, false); {
		case end.Decided && end.Path == prefix+file:
		case end.Decided, a.follow(ctx, host, path, true).Decided:
			if end.Path == path {
				end.Path = end.By // a status
			}
			return path, end.Path, "write both in a route block, versioned_assets first, or exclude the prefix from the rewrite"
		}
	}
	if !slices.Contains(mounts, "") {
		path := prefix + file
		if end := a.follow(ctx, host, path, false); end.Decided && end.Path != path {
			return path, end.Path, "handle_path removes the prefix: write serve /, or handle instead of handle_path"
		}
	}
	return "", "", ""
}

// follow follows the request of a browser for a script. It ends at the handler.
func (a *Handler) follow(ctx context.Context, host, path string, keepPath bool) routing.End {
	r := (&http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: host,
		Header: http.Header{"Accept": {"*/*"}}, Body: http.NoBody, RemoteAddr: "192.0.2.1:50000",
	}).WithContext(context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{caddyhttp.ClientIPVarKey: "192.0.2.1"}))
	r.RequestURI = r.URL.EscapedPath()
	if a.server.TLSConnPolicies != nil {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, ServerName: host}
	}
	isOwn := func(handler caddyhttp.MiddlewareHandler, _ *http.Request) bool {
		return handler == caddyhttp.MiddlewareHandler(a)
	}
	return routing.Walk{Server: a.server, Decides: isOwn, Complete: true, KeepPath: keepPath}.Follow(r)
}
