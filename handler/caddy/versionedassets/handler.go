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

// Handler serves static files. A response is `immutable` for a year if the version in its URL is verified to be that of
// its content. All other responses are revalidated (`no-cache`). The handler responds to all requests under its prefixes,
// with errors too. Later handlers do not see these requests, unless PassThru is set.
type Handler struct {
	// The URL prefixes, and the directory of each. At least one is required.
	Serve []*Root `json:"serve,omitempty"`

	// The query parameters that carry a version. Default: `v`.
	VersionQuery []string `json:"version_query,omitempty"`

	// The build manifests, as absolute paths or relative to the served directory. Default: those in directories
	// `.vite` below the served directory.
	Manifest []string `json:"manifest,omitempty"`

	// URL paths whose content never changes, according to the operator, such as `/static/vendor/*` or `*.woff2`. They are
	// `immutable`. Default: none.
	Immutable []string `json:"immutable,omitempty"`

	// URL paths that get status 404. Dotfiles always do, but for `.well-known`. Default: none.
	Hide []string `json:"hide,omitempty"`

	// The URL path of the page for navigations to a path without a file, for single-page applications. Default: none.
	Fallback string `json:"fallback,omitempty"`

	// Whether requests without a file go to the next handler: other paths, and methods other than GET and HEAD. Archived
	// files count as files. Default: these requests get status 404 and 405.
	PassThru bool `json:"pass_thru,omitempty"`

	// Whether symbolic links to targets outside of the directory are served: `inside` does not serve them, `follow` does.
	// Default: `inside`.
	Symlinks string `json:"symlinks,omitempty"`

	// How long earlier versions are archived and served under their old URLs. Default: 72h. `off`, or a negative value,
	// disables the archive.
	Keep KeepTime `json:"keep,omitempty"`

	// The disk space of the archive, such as `256MiB` (default). Compressed files have a second limit of the same size.
	// Neither displaces the other.
	KeepSize string `json:"keep_size,omitempty"`

	// The directory of the archive. It must be outside of the served directories. Default: `usher/archive` in Caddy's data
	// directory.
	KeepDirectory string `json:"keep_directory,omitempty"`

	// The memory for file contents, such as `256MiB` (default). A quarter of it is for compressed files. Other files, and all
	// files above 1 MiB, are sent from disk. Compressed files are sent from disk only if there is an archive.
	Memory string `json:"memory,omitempty"`

	// How long a directory must be unchanged before its new content is published. Default: 1s. Files that keep changing, such
	// as logs and uploads, delay the others by at most 30 s.
	Settle caddy.Duration `json:"settle,omitempty"`

	// How long a deleted file is still served. Default: 10s.
	Vanished caddy.Duration `json:"vanished,omitempty"`

	// The interval for reading the directories, instead of watching them. Default: directories are watched. Network file
	// systems and overlays report changes unreliably, so that directories there are read every second.
	Poll caddy.Duration `json:"poll,omitempty"`

	// The content codings: `gzip`, `br`, `zstd`. Default: all three. Files are compressed in the background and stored with
	// the archive. Without an archive, each process compresses them again. A compressed file beside the original is used
	// instead if it decodes to the same content.
	Encode []string `json:"encode,omitempty"`

	// Whether clients that hold an earlier version of a file get only the difference (RFC 9842, `dcz`). Text files and WebAssembly from
	// 1 KiB to 4 MiB with a proved version have differences. They take a sixteenth of `memory`. Excludes `keep off`. Default:
	// false.
	Deltas bool `json:"deltas,omitempty"`

	// Where references to assets get the version of the current content: in `html` (pages of all handlers of the site), `css`
	// and `js` (served files). Default: nothing is stamped.
	Stamp []string `json:"stamp,omitempty"`

	// Whether stamped references in pages get an `integrity` attribute. Existing attributes stay. Default: false.
	Integrity bool `json:"integrity,omitempty"`

	// URL paths that are never stamped: references to them keep their URL, and pages under them pass unchanged. Scripts that
	// look for a file by its name need this. Example: `/static/leaflet/*`. Files that a service worker precaches need no pattern.
	// Requires `stamp`. Default: none.
	Unstamped []string `json:"unstamped,omitempty"`

	// Whether each response has a `Cache-Status` header with its file and the reason for its caching. For debugging.
	// Default: false.
	Explain bool `json:"explain,omitempty"`

	// When a wrong response with a long lifetime was corrected. Since then, pages tell each browser once to clear its cache
	// of the site (`Clear-Site-Data`). Change it to the current time to clear all caches again. It needs `stamp html`.
	// Default: never.
	ForgetBefore time.Time `json:"forget_before,omitzero"`

	place       place
	placed      bool          // place is known
	inForce     []func()      // see whenInForce
	checked     chan struct{} // closed once start has checked the files
	handler     *assets.Handler
	pages       *pages.Stamper // nil without `stamp html`
	server      *caddyhttp.Server
	generations *pages.Generations
	served      []*servedRoot
	pooled      lifecycle.Pooled
	site        *site
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.versioned_assets",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision opens the directories. Their content is read in the background once the configuration has started. Requests
// wait for the first reading.
func (a *Handler) Provision(ctx caddy.Context) error {
	if err := a.Check(time.Now()); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	a.handler = &assets.Handler{
		VersionQuery: a.VersionQuery, Hide: a.Hide, Fallback: a.Fallback, PassThru: a.PassThru, Unhandled: request.TakeUnhandled,
		Explained: a.Explain, KernelCopies: enableKernelCopy, OriginalURL: request.OriginalURL,
	}
	if len(a.VersionQuery) == 0 {
		a.VersionQuery = []string{"v"}
		a.handler.VersionQuery = a.VersionQuery
	}
	if err := lifecycle.RegisterMetrics(ctx, assetGauges{}, staleVersionsTotal, responsesTotal, readErrorsTotal, stampedPagesTotal, sharedVersionsTotal); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	if err := a.provisionDeltas(ctx); err != nil {
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
	a.place, a.placed = findPlace(lifecycle.Server(ctx), a.prefixes(), a.isOwn)
	for _, root := range a.Serve {
		served, err := a.open(ctx, root, memory)
		if err != nil {
			return fmt.Errorf("versioned_assets: serve %s: %w%s", root.Prefix, err, lifecycle.AtSource(root.Source))
		}
		a.handler.Sites = append(a.handler.Sites, assets.Site{
			Prefix: root.Prefix, Tree: served.tree, Ledger: served.versions, Promises: served.promises, Answered: countResponses(root.Prefix),
		})
	}
	slices.SortStableFunc(a.handler.Sites, func(x, y assets.Site) int { return len(y.Prefix) - len(x.Prefix) })
	a.pages = a.newPages()
	a.addSite(ctx)
	if err := errors.Join(a.followGenerations(ctx), a.startWithSite(ctx)); err != nil {
		return fmt.Errorf("versioned_assets: %w", err)
	}
	return nil
}

// MemoryBytes returns Memory as a number of bytes.
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

// Cleanup closes the directories that no other configuration serves.
func (a *Handler) Cleanup() error {
	generation.Remove(a.server, a.generations)
	sites.Remove(nil, a.site)
	for _, served := range a.served {
		servedRoots.Remove(served.server, served)
	}
	return a.pooled.Release()
}

// ServeHTTP responds to requests under the prefixes and to requests for the generation, and calls next for others. It
// calls next for handshakes that a gate has admitted, too: a site may serve files under / and sockets below.
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
