package gate

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// pageWriter adds tickets to a page that the application serves.
type pageWriter struct {
	http.ResponseWriter
	gate     *Gate
	request  *http.Request
	decision *Decision
	decided  bool
	user     string // whose page it is, as the application says
	userErr  error
}

// isNavigation reports whether the request may be for a page, and not for a script, a stylesheet or an image.
func isNavigation(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "document", "iframe", "frame", "empty": // a script that renews the ticket uses fetch, which sends empty
		return true
	case "":
		accept := r.Header.Get("Accept")
		return accept == "" || accept == "*/*" || strings.Contains(accept, "text/html")
	default:
		return false
	}
}

// requireWholePage removes the conditions of a navigation: a 304 has no Content-Type and therefore carries no ticket.
func requireWholePage(r *http.Request) {
	if isNavigation(r) {
		delete(r.Header, "If-None-Match")
		delete(r.Header, "If-Modified-Since")
	}
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *pageWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sets the cookies of a successful page.
func (w *pageWriter) WriteHeader(status int) {
	if status >= 200 && !w.decided {
		w.decided = true
		if status < 300 && isHTML(w.Header().Get("Content-Type")) {
			w.issue()
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *pageWriter) Write(p []byte) (int, error) {
	if !w.decided {
		if w.Header()["Content-Type"] == nil && w.Header()["Content-Encoding"] == nil {
			w.Header().Set("Content-Type", http.DetectContentType(p)) // as net/http would
		}
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(p)
}

func isHTML(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(media), "text/html")
}

// issue sets the cookies, and forbids shared caches to store the page.
func (w *pageWriter) issue() {
	g, header := w.gate, w.Header()
	if w.userErr != nil {
		w.decision.NotIssued = w.userErr
		return
	}
	for _, i := range w.decision.issuers {
		binding := keys.BindingOf(i.Bind, sockets.ClientNetwork(g.config.Client(w.request)), siteOrigin(g.config.External(w.request)))
		token, err := i.Tickets.Issue(i.routes, w.user, binding, g.config.Now(), g.config.Random)
		if err != nil {
			w.decision.NotIssued = err
			continue
		}
		cookie := http.Cookie{
			Name: i.Cookie, Value: token, Path: "/", MaxAge: int(i.Lifetime / time.Second),
			HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
		}
		header.Add("Set-Cookie", cookie.String())
		w.decision.Issued = true
		header.Set("Cache-Control", privateCacheControl(header.Values("Cache-Control"), i.maxPageAge()))
		maps.DeleteFunc(header, func(name string, _ []string) bool { return forSharedCaches(name) })
	}
}

// maxPageAge is how long a browser may show the page again without a request.
func (i *issuer) maxPageAge() time.Duration {
	if i.Once {
		return 0
	}
	return i.Lifetime
}

// forSharedCaches reports a header that shared caches obey instead of Cache-Control (RFC 9213; Edge Architecture,
// Surrogate-Control).
func forSharedCaches(name string) bool {
	return strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control"
}

// privateCacheControl returns a Cache-Control that no shared cache stores. A browser may show the page again only while its
// ticket is good, and not at all with a ticket that is good once.
func privateCacheControl(lines []string, fresh time.Duration) string {
	var kept []string
	restricted, dated := false, false
	elements(lines, func(directive string) {
		name, value, _ := strings.Cut(strings.ToLower(directive), "=")
		switch name {
		case "public", "s-maxage", "immutable", "stale-while-revalidate", "stale-if-error":
			return
		case "max-age":
			age, err := strconv.Atoi(strings.Trim(value, `"`))
			if err != nil || age < 0 || dated {
				return
			}
			dated = true
			directive = fmt.Sprintf("max-age=%d", min(age, int(fresh/time.Second)))
		case "no-cache":
			dated = dated || value == ""
		case "private":
			if directive != "private" {
				return // of some fields alone
			}
			restricted = true
		case "no-store":
			restricted, dated = true, true
		}
		kept = append(kept, directive)
	})
	if !restricted {
		kept = append([]string{"private"}, kept...)
	}
	if !dated {
		kept = append(kept, "no-cache") // Expires or Last-Modified would say how long
	}
	return strings.Join(kept, ", ")
}
