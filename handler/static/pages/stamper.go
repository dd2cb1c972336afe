package pages

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/assets/tree"
)

// Config configures a [Stamper].
type Config struct {
	// Sites are the served directories, the longest prefix first.
	Sites []assets.Site
	// Mounts are what clients write before the prefixes of the sites, since an earlier handler removes it: `/shop`, or "" for
	// nothing. Default: "" alone.
	Mounts []string
	// VersionQuery are the query parameters that carry a version.
	VersionQuery []string
	// Styles and Scripts are true if stylesheets and scripts are rewritten too.
	Styles, Scripts bool
	// AddIntegrity adds an integrity attribute to stamped scripts and stylesheets without one.
	AddIntegrity bool
	// Unstamped matches the URL paths of pages that pass as they are.
	Unstamped tree.Patterns
	// ForgetBefore is when browsers last had to clear their caches. Zero: never.
	ForgetBefore time.Time
	// OriginalURL returns the URL that the client requested, before any rewrite.
	OriginalURL func(*http.Request) *url.URL
	// Scheme returns the scheme of the URL that the client requested.
	Scheme func(*http.Request) string
	// Stamped is called for each page whose body is stamped. Nil: it is not called.
	Stamped func()
}

// Host is a directory that another host of the configuration serves, and that pages refer to by the name of the host.
type Host struct {
	// Name is the host as URLs name it: in lower case, with the port unless that is a default port.
	Name string
	Site assets.Site
	// Mounts, VersionQuery and Styles are as in [Config].
	Mounts       []string
	VersionQuery []string
	Styles       bool
	// IsPart is true if a deploy of the host is a new generation of the pages.
	IsPart bool
}

// Stamper stamps the pages of a site. It is safe for concurrent use.
type Stamper struct {
	Config
	prefixes []string
	hosts    atomic.Pointer[[]Host]
	current  atomic.Pointer[snapshot] // see now
	paths    *pathTable
}

// New makes a Stamper.
func New(config Config) *Stamper {
	s := &Stamper{Config: config, paths: newPathTable()}
	if len(s.Mounts) == 0 {
		s.Mounts = []string{""}
	}
	for _, mount := range s.Mounts {
		for _, site := range config.Sites {
			s.prefixes = append(s.prefixes, mount+site.Prefix)
		}
	}
	return s
}

// SetHosts sets the directories of other hosts. They are known when the whole configuration is loaded.
func (s *Stamper) SetHosts(hosts []Host) { s.hosts.Store(&hosts) }

// firstGeneration is how long requests wait until the directories have been read for the first time. After that pages pass
// unstamped.
const firstGeneration = 2 * time.Second

// await waits for the first generation.
func (s *Stamper) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstGeneration)
	defer cancel()
	for _, t := range s.now().trees {
		t.Catalog(ctx)
	}
}

// isUnstamped reports a page that must pass as it is.
func (s *Stamper) isUnstamped(now *snapshot, r *http.Request) bool {
	if len(s.Unstamped) > 0 && s.Unstamped.Match(s.OriginalURL(r).Path) {
		return true
	}
	catalog, rest := now.find(r.URL.Path)
	return catalog != nil && catalog.IsUnstamped(rest)
}

// Serve calls handle and stamps its response if that is a page. It panics with [http.ErrAbortHandler] if a page could not be
// written to its end: the client must not take a part of it for the whole.
func (s *Stamper) Serve(w http.ResponseWriter, r *http.Request, handle func(http.ResponseWriter, *http.Request) error) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost || r.Header["Upgrade"] != nil {
		return handle(w, s.restoreMatch(r))
	}
	current := s.now()
	if !current.complete() {
		s.await(r.Context())
		current = s.now()
	}
	if s.isUnstamped(current, r) {
		return handle(w, r)
	}
	page := &writer{ResponseWriter: w, stamper: s, request: r, path: r.URL.Path, snapshot: current, forgets: s.mustForget(r)}
	defer page.abandon()
	if err := handle(page, page.conditions(s.restoreMatch(r))); err != nil {
		return err
	}
	if err := page.finish(); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}
