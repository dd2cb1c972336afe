package versionedassets

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/static/pages"
)

// The values of Stamp.
const (
	StampHTML = "html"
	StampCSS  = "css"
	StampJS   = "js"
)

// CheckStamp validates the stamp options.
func (a *Handler) CheckStamp() error {
	for _, kind := range a.Stamp {
		if kind != StampHTML && kind != StampCSS && kind != StampJS {
			return fmt.Errorf("stamp: want html, css or js, got %q", kind)
		}
	}
	if a.Integrity && !slices.Contains(a.Stamp, StampHTML) {
		return fmt.Errorf("stamp: integrity needs html, got %q", a.Stamp)
	}
	if len(a.Unstamped) > 0 && len(a.Stamp) == 0 {
		return errors.New("unstamped has no effect without stamp: add `stamp html`, or remove it")
	}
	return nil
}

// Stamps reports whether a kind is stamped: [StampHTML], [StampCSS] or [StampJS].
func (a *Handler) Stamps(kind string) bool { return slices.Contains(a.Stamp, kind) }

// newPages returns the Stamper of pages, or nil if pages are not stamped.
func (a *Handler) newPages() *pages.Stamper {
	if !a.Stamps(StampHTML) {
		return nil
	}
	return pages.New(pages.Config{
		Sites: a.handler.Sites, Mounts: a.place.mounts(), VersionQuery: a.VersionQuery, Styles: a.Stamps(StampCSS), Scripts: a.Stamps(StampJS),
		AddIntegrity: a.Integrity, Unstamped: a.Unstamped, ForgetBefore: a.ForgetBefore,
		OriginalURL: request.OriginalURL,
		Scheme:      func(r *http.Request) string { scheme, _ := request.ExternalOrigin(r); return scheme },
		Stamped:     stampedPagesTotal.Inc,
	})
}
