package versionedassets

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/scan2food/usher/handler/caddy/request"
	"github.com/scan2food/usher/handler/static/pages"
)

// What may be stamped.
const (
	StampHTML = "html"
	StampCSS  = "css"
	StampJS   = "js"
)

// checkStamp is for JSON configurations; a Caddyfile says more of where it is wrong.
func (a *Handler) CheckStamp() error {
	for _, word := range a.Stamp {
		if word != StampHTML && word != StampCSS && word != StampJS {
			return fmt.Errorf("stamp: want html, css or js, got %q", word)
		}
	}
	if a.Integrity && !slices.Contains(a.Stamp, StampHTML) {
		return fmt.Errorf("stamp: want html beside integrity, got %q", a.Stamp)
	}
	return nil
}

func (a *Handler) Stamps(word string) bool { return slices.Contains(a.Stamp, word) }

// newPages makes the Stamper of the site's pages, or nil if pages pass as they are.
func (a *Handler) newPages() *pages.Stamper {
	if !a.Stamps(StampHTML) {
		return nil
	}
	return pages.New(pages.Config{
		Sites: a.handler.Sites, VersionQuery: a.VersionQuery, Styles: a.Stamps(StampCSS), Scripts: a.Stamps(StampJS),
		AddIntegrity: a.Integrity, ForgetBefore: a.ForgetBefore,
		OriginalURL: request.OriginalURL,
		Scheme:      func(r *http.Request) string { scheme, _ := request.ExternalOrigin(r); return scheme },
	})
}
