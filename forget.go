package usher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/caddy/request"
)

// checkForget rejects a time that is still to come: browsers would clear their caches before there is anything to clear.
func (a *VersionedAssets) checkForget(now time.Time) error {
	switch {
	case a.ForgetBefore.IsZero():
		return nil
	case !slices.Contains(a.Stamp, stampHTML):
		return errors.New("forget_before needs `stamp html`: pages tell the browsers")
	case a.ForgetBefore.After(now):
		return fmt.Errorf("forget_before is in the future (%s): use a time that has passed", a.ForgetBefore.Format(time.RFC3339))
	}
	return nil
}

// forgottenCookie holds the time of the last Clear-Site-Data that a browser got. Browsers without cookies get one with each page.
const forgottenCookie = "usher-forgot"

// mustForget reports a navigation of a browser that has not been told to clear its cache since forget_before was set.
func (p *stampedPages) mustForget(r *http.Request) bool {
	if p.forgetBefore.IsZero() || !asksForPage(r) {
		return false
	}
	cookie, err := r.Cookie(forgottenCookie)
	return err != nil || cookie.Value != p.forgottenValue()
}

func (p *stampedPages) forgottenValue() string { return strconv.FormatInt(p.forgetBefore.Unix(), 36) }

// clearSiteData tells the browser to clear its cache of this site. Clearing takes time, so a cookie keeps the browser from being
// told again. Browsers ignore Clear-Site-Data over plain HTTP.
func (w *pageWriter) clearSiteData(header http.Header) {
	if !w.forgets {
		return
	}
	scheme, _ := request.ExternalOrigin(w.request)
	cookie := http.Cookie{
		Name: forgottenCookie, Value: w.pages.forgottenValue(), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: scheme == "https",
	}
	header.Add("Set-Cookie", cookie.String())
	header.Set("Clear-Site-Data", `"cache"`)
	if !strings.Contains(strings.ToLower(strings.Join(header["Cache-Control"], ",")), "no-store") {
		header.Set("Cache-Control", "private, no-cache") // a shared cache must not repeat this response to other browsers
	}
}
