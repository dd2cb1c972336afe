package usher

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/scan2food/usher/handler/static/assets"
	"github.com/scan2food/usher/handler/static/stamp"
)

// stampedPages gives the references in the HTML that passes the versions of the current generation.
type stampedPages struct {
	sites        []assets.Site // the longest prefix first
	config       stamp.Config
	addIntegrity bool
	forgetBefore time.Time                 // browsers drop what they hold of before; zero for nothing
	state        atomic.Pointer[pageState] // see now
}

// firstGeneration is how long a page waits for the assets to be read for the first time. Then it passes as it is, with
// versions that prove nothing.
const firstGeneration = 2 * time.Second

// await waits until there is something to stamp pages with.
func (p *stampedPages) await(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstGeneration)
	defer cancel()
	for _, site := range p.sites {
		site.Tree.Catalog(ctx)
	}
}

// serve hands the request on, and stamps the page that it may be answered with.
func (p *stampedPages) serve(w http.ResponseWriter, r *http.Request, handle func(http.ResponseWriter, *http.Request) error) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost || r.Header["Upgrade"] != nil {
		return handle(w, p.restoreMatch(r))
	}
	page := &pageWriter{ResponseWriter: w, pages: p, request: r, state: p.now(), forgets: p.mustForget(r)}
	defer page.abandon()
	if err := handle(page, page.conditions(p.restoreMatch(r))); err != nil {
		return err
	}
	if err := page.finish(); err != nil {
		panic(http.ErrAbortHandler) // what was written is not all, and must not look so
	}
	return nil
}
