package versionedassets

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/generation"
	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
	"github.com/scan2food/usher/handler/static/assets/variants"
	"github.com/scan2food/usher/handler/static/pages"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// VersionedAssets serves static files, each with the caching that its URL has earned: a year and `immutable` where a
// version in the URL provably names these bytes, `no-cache` everywhere else. It answers everything under its prefixes,
// errors too; nothing of it reaches a later handler.
type Handler struct {
	// The URL prefixes and the directories that answer them. At least one.
	Serve []*Root `json:"serve,omitempty"`

	// The words of a query that carry a version. Default: `v`.
	VersionQuery []string `json:"version_query,omitempty"`

	// The build manifests, absolute or relative to the directory that is served. Default: they are recognised below it, by
	// name and shape.
	Manifest []string `json:"manifest,omitempty"`

	// Paths that the operator vouches for: under one path, always the same bytes. `/static/vendor/*`, `*.woff2`.
	Immutable []string `json:"immutable,omitempty"`

	// Paths that are answered 404, beside dotfiles, which always are (`.well-known` apart).
	Hide []string `json:"hide,omitempty"`

	// The page that a navigation gets where there is no file, for single-page applications. Default: none.
	Fallback string `json:"fallback,omitempty"`

	// Whether requests that name no file go to the next handler: paths without a file, and methods other than GET and HEAD.
	// Archived files are found first. Default: they are answered here, with 404 and 405.
	PassThru bool `json:"pass_thru,omitempty"`

	// Whether links are served that lead out of the directory: `inside` (default) does not serve them, `follow` does.
	Symlinks string `json:"symlinks,omitempty"`

	// How long the bytes of earlier versions stay reachable under their old URLs. Default: 72h; `off` or negative: not at all.
	Keep KeepTime `json:"keep,omitempty"`

	// How much disk they may take, such as `256MiB` (default). Compressed forms, of what is current and of what was, may take as
	// much again, apart from them: neither drives out the other.
	KeepSize string `json:"keep_size,omitempty"`

	// Where they are; not below a directory that is served. Default: `usher/archive` in Caddy's data directory.
	KeepDirectory string `json:"keep_directory,omitempty"`

	// How many bytes of content are held in memory, such as `256MiB` (default); a quarter of it is for compressed forms. What
	// does not fit, and every file above 1 MiB, is sent from disk; compressed forms only if something is kept there.
	Memory string `json:"memory,omitempty"`

	// How long a tree must be quiet before it becomes the current one. Default: 1s. Files that keep changing, as logs and uploads
	// do, delay the others by at most 30 s.
	Settle caddy.Duration `json:"settle,omitempty"`

	// How long a file that vanished from the disk is still served. Default: 10s.
	Vanished caddy.Duration `json:"vanished,omitempty"`

	// How often to look for changes, instead of waiting for the file system to tell of them. Default: it is waited, and
	// looked every second where that cannot be relied on: on network file systems, and on overlays.
	Poll caddy.Duration `json:"poll,omitempty"`

	// The codings that are offered: `gzip`, `br`, `zstd`. Default: all three. They are made once for each content, in the
	// background, and kept on disk, unless nothing is kept: then each process makes them. A compressed file beside a file takes
	// their place if it decodes to the very bytes.
	Encode []string `json:"encode,omitempty"`

	// What has its references to assets given the version of their present content: `html` (pages that pass, from any
	// handler), `css` and `js` (files that are served here). Default: nothing is rewritten.
	Stamp []string `json:"stamp,omitempty"`

	// Whether stamped pages get an `integrity` attribute where there is none.
	Integrity bool `json:"integrity,omitempty"`

	// Whether every response says in `Cache-Status` which file it is, and why it may be kept for how long. For debugging.
	Explain bool `json:"explain,omitempty"`

	// Pages tell each browser once to clear its cache of this site (`Clear-Site-Data`), for the day on which something wrong was
	// sent with a long lifetime. A later time tells every browser again. Needs `stamp html`. Default: nothing.
	ForgetBefore time.Time `json:"forget_before,omitzero"`

	handler     *assets.Handler
	pages       *pages.Stamper // nil: pages pass as they are
	server      *caddyhttp.Server
	generations *pages.Generations
	served      []*servedRoot
	uses        lifecycle.Pooled
}

// CaddyModule tells Caddy of the module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.versioned_assets",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision opens the directories. They are read in the background, from the start of the configuration on; requests wait
// for the first reading.
func (a *Handler) Provision(ctx caddy.Context) error {
	if err := a.Check(time.Now()); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	a.handler = &assets.Handler{
		VersionQuery: a.VersionQuery, Hide: a.Hide, Fallback: a.Fallback, PassThru: a.PassThru,
		Explained: a.Explain, KernelCopies: kernelCopies, Asked: request.OriginalURL,
	}
	if len(a.VersionQuery) == 0 {
		a.VersionQuery = []string{"v"}
		a.handler.VersionQuery = a.VersionQuery
	}
	if err := registerAssetMetrics(ctx); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	if err := a.provisionEncodings(); err != nil {
		return fmt.Errorf("versioned_assets: encode: %w", err)
	}
	memory, err := a.MemoryBytes()
	if err != nil {
		return fmt.Errorf("versioned_assets: memory: %w", err)
	}
	if server := lifecycle.Server(ctx); server != nil {
		server.RegisterConnContext(withConnection)
	}
	for _, root := range a.Serve {
		served, err := a.open(ctx, root, memory)
		if err != nil {
			return fmt.Errorf("versioned_assets: serve %s: %w%s", root.Prefix, err, lifecycle.AtSource(root.Source))
		}
		a.handler.Sites = append(a.handler.Sites, assets.Site{Prefix: root.Prefix, Tree: served.tree, Ledger: served.versions, Promises: served.promises})
	}
	slices.SortStableFunc(a.handler.Sites, func(x, y assets.Site) int { return len(y.Prefix) - len(x.Prefix) })
	a.pages = a.newPages()
	if err := errors.Join(a.followGenerations(ctx), a.startWithSite(ctx)); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	return nil
}

func (a *Handler) MemoryBytes() (int64, error) { return parseSize(a.Memory, tree.DefaultMemory) }

func (a *Handler) provisionEncodings() error {
	names := a.Encode
	if len(names) == 0 {
		names = []string{"br", "zstd", "gzip"}
	}
	for _, name := range names {
		coding, known := variants.ParseCoding(name)
		if !known || coding == variants.Identity {
			return fmt.Errorf("want gzip, br or zstd, got %q", name)
		}
		a.handler.Encode = append(a.handler.Encode, coding)
	}
	return nil
}

// Cleanup lets go of the directories. Those that the next configuration serves too stay open.
func (a *Handler) Cleanup() error {
	generation.Remove(a.server, a.generations)
	for _, served := range a.served {
		servedRoots.Remove(served.server, served)
	}
	return a.uses.Release()
}

// ServeHTTP answers what is under a prefix, and the generation, and hands on the rest. So it does with handshakes that a gate has
// admitted: no file is meant by them, also where a site serves files under / and has its sockets below.
func (a *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if sockets.FromContext(r.Context()) != nil {
		return next.ServeHTTP(w, r)
	}
	if r.URL.Path == pages.EndpointPath {
		a.generations.ServeHTTP(w, r)
		return nil
	}
	if a.pages == nil {
		return a.handler.ServeHTTP(w, r, next)
	}
	return a.pages.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		return a.handler.ServeHTTP(w, r, next)
	})
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ assets.Next                 = (caddyhttp.Handler)(nil)
)
