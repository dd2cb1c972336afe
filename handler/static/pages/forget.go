package pages

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// forgottenCookie holds the forget_before of the last Clear-Site-Data that a browser got. Browsers without cookies get
// Clear-Site-Data with each page.
const forgottenCookie = "usher-forgot"

// mustForget reports a navigation of a browser that got no Clear-Site-Data for the present forget_before.
func (s *Stamper) mustForget(r *http.Request) bool {
	if s.ForgetBefore.IsZero() || !isNavigation(r) {
		return false
	}
	cookie, err := r.Cookie(forgottenCookie)
	return err != nil || cookie.Value != s.forgottenValue()
}

func (s *Stamper) forgottenValue() string { return strconv.FormatInt(s.ForgetBefore.Unix(), 36) }

// clearSiteData makes the browser clear its cache of this site. Clearing takes time, so a cookie records that it was done. Browsers
// ignore Clear-Site-Data over plain HTTP.
func (w *writer) clearSiteData(header http.Header) {
	if !w.forgets {
		return
	}
	cookie := http.Cookie{
		Name: forgottenCookie, Value: w.stamper.forgottenValue(), Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: w.stamper.Scheme(w.request) == "https",
	}
	header.Add("Set-Cookie", cookie.String())
	header.Set("Clear-Site-Data", `"cache"`)
	if !strings.Contains(strings.ToLower(strings.Join(header["Cache-Control"], ",")), "no-store") {
		header.Set("Cache-Control", "private, no-cache") // a shared cache must not repeat this response to other browsers
	}
}
