package usher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// checkForget is for what no Caddyfile can be wrong in: a time that is to come would be told before there is anything to
// forget.
func (a *VersionedAssets) checkForget(now time.Time) error {
	switch {
	case a.ForgetBefore.IsZero():
		return nil
	case !slices.Contains(a.Stamp, stampHTML):
		return errors.New("forget_before: want stamp html beside it: pages tell browsers, and name other URLs")
	case a.ForgetBefore.After(now):
		return fmt.Errorf("forget_before: want a time that has come, got %s", a.ForgetBefore.Format(time.RFC3339))
	}
	return nil
}

// epoch is the time in a form that versions can hold; "" for none.
func (a *VersionedAssets) epoch() string {
	if a.ForgetBefore.IsZero() {
		return ""
	}
	return strconv.FormatInt(a.ForgetBefore.Unix(), 36)
}

// forgottenCookie is what a browser was last told to forget. Browsers without cookies are told each time.
const forgottenCookie = "usher-forgot"

// tellToForget has the browser drop what it holds of this site, once: Clear-Site-Data is for whole caches, and takes its
// time. Over plain HTTP browsers do not listen; the other URLs of all that is stamped are for them.
func (w *pageWriter) tellToForget(header http.Header) {
	epoch := w.pages.epoch
	if epoch == "" || !asksForPage(w.request) {
		return
	}
	if told, err := w.request.Cookie(forgottenCookie); err == nil && told.Value == epoch {
		return
	}
	scheme, _ := externalOrigin(w.request)
	cookie := http.Cookie{
		Name: forgottenCookie, Value: epoch, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: scheme == "https",
	}
	header.Add("Set-Cookie", cookie.String())
	header.Set("Clear-Site-Data", `"cache"`)
	if !strings.Contains(strings.ToLower(strings.Join(header["Cache-Control"], ",")), "no-store") {
		header.Set("Cache-Control", "private, no-cache") // to be told is for this browser alone
	}
}
