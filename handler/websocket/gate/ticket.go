package gate

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// TicketLabel stands in logs where a key's label would: tickets have no names.
const TicketLabel = "ticket"

// DefaultTicketCookie is the cookie that holds a ticket if a route does not say. The prefix has browsers take it from this
// host alone, over TLS (RFC 6265bis, 4.1.3.2).
const DefaultTicketCookie = "__Host-usher"

// RouteTickets are the tickets that open a route, beside its keys or instead of them.
type RouteTickets struct {
	// Tickets verifies them, and issues them if there are Pages. It must be set.
	Tickets *keys.Tickets
	// Cookie is where a browser presents one. It counts where nothing stands at the sources of the route; a ticket may
	// stand there as well. Default [DefaultTicketCookie].
	Cookie string
	// Bind is what Tickets are bound to.
	Bind keys.Bind
	// Once says that Tickets are good once.
	Once bool
	// Lifetime is that of an issued ticket and of its cookie. Default [keys.DefaultTicketLifetime].
	Lifetime time.Duration
	// Pages are the paths whose successful HTML carries a ticket in the cookie; with a final /*, all below them. Routes
	// that share a cookie share the tickets, since a browser keeps one cookie of a name.
	Pages []string
}

// faultEarly is RFC 8470, 5.2: what an attacker may send again must not use a ticket up, or open two sockets by it.
var faultEarly = Fault{http.StatusTooEarly, "a ticket that is good once does not come in early data"}

// inEarlyData reports whether a request may be one that an attacker repeats (RFC 8470, 5.1).
func inEarlyData(r *http.Request) bool {
	return r.Header["Early-Data"] != nil || r.TLS != nil && !r.TLS.HandshakeComplete
}

// readTicket looks for a ticket in the cookie of the route.
func (route *Route) readTicket(r *http.Request) (p presented) {
	cookies(r.Header["Cookie"], func(name, value string) {
		if name == route.Tickets.Cookie {
			p.add(value)
		}
	})
	return p
}

// decideTicket judges a ticket.
func (g *Gate) decideTicket(r *http.Request, d *Decision, token string) {
	tickets := d.Route.Tickets
	if tickets.Once && inEarlyData(r) {
		d.Outcome, d.Fault = Malformed, &faultEarly
		return
	}
	origin := ""
	if lines := r.Header["Origin"]; len(lines) > 0 {
		origin = lines[0]
	}
	verdict := tickets.Tickets.Verify(token, d.Route.Name, keys.BindingOf(tickets.Bind, g.config.Client(r), origin), g.config.Now())
	d.Outcome, d.Detail = outcomeOf(verdict.Status), verdict.Reason
	if verdict.Status != keys.Unknown {
		d.Key, d.KeyID = TicketLabel, verdict.ID
	}
	d.use, d.until = verdict.Use, verdict.Until
}

// spend uses up a ticket that is good once. Of all sockets that ask for one, one is told yes; the application's answer
// does not give it back.
func (g *Gate) spend(d *Decision) bool {
	return d.use == (keys.Use{}) || g.config.Spent.Spend(d.use, d.until, g.config.Now())
}

// issuer puts tickets of one cookie on pages.
type issuer struct {
	RouteTickets
	routes []string
}

// newIssuers groups the routes by the cookie of their tickets.
func newIssuers(routes []*Route) ([]*issuer, error) {
	var issuers []*issuer
	for _, route := range routes {
		t := route.Tickets
		if t == nil || len(t.Pages) == 0 {
			continue
		}
		i := slices.IndexFunc(issuers, func(other *issuer) bool { return other.Cookie == t.Cookie })
		if i < 0 {
			issuers = append(issuers, &issuer{*t, []string{route.Name}})
			continue
		}
		if issuers[i].Tickets != t.Tickets || !slices.Equal(issuers[i].Pages, t.Pages) {
			return nil, &RouteError{route, fmt.Errorf("ticket: want the same tickets and pages as route %s, which has the same cookie %s",
				issuers[i].routes[0], t.Cookie)}
		}
		issuers[i].routes = append(issuers[i].routes, route.Name)
	}
	return issuers, nil
}

// issuesOn reports whether a page may carry tickets.
func (i *issuer) issuesOn(path string) bool {
	return slices.ContainsFunc(i.Pages, func(page string) bool {
		below, isPrefix := strings.CutSuffix(page, "*")
		return page == path || isPrefix && strings.HasPrefix(path, below)
	})
}

// decidePage decides which tickets the response may carry.
func (g *Gate) decidePage(r *http.Request) *Decision {
	if len(g.issuers) == 0 || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return passed
	}
	var issuers []*issuer
	for _, i := range g.issuers {
		if i.issuesOn(r.URL.Path) {
			issuers = append(issuers, i)
		}
	}
	if len(issuers) == 0 {
		return passed
	}
	return &Decision{issuers: issuers}
}

// pageWriter puts tickets on a page that the application serves with success.
type pageWriter struct {
	http.ResponseWriter
	gate     *Gate
	request  *http.Request
	decision *Decision
	decided  bool
}

// Unwrap lets http.ResponseController reach the server's writer.
func (w *pageWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sets the cookies where they belong.
func (w *pageWriter) WriteHeader(status int) {
	if status >= 200 && !w.decided {
		w.decided = true
		if status == http.StatusNotModified || status < 300 && isHTML(w.Header().Get("Content-Type")) {
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

// issue sets the cookies, and keeps shared caches from handing them to somebody else.
func (w *pageWriter) issue() {
	g, header := w.gate, w.Header()
	for _, i := range w.decision.issuers {
		binding := keys.BindingOf(i.Bind, g.config.Client(w.request), siteOrigin(g.config.External(w.request)))
		token, err := i.Tickets.Issue(i.routes, binding, g.config.Now(), g.config.Random)
		if err != nil {
			w.decision.NotIssued = err
			continue
		}
		cookie := http.Cookie{
			Name: i.Cookie, Value: token, Path: "/", MaxAge: int(i.Lifetime / time.Second),
			HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
		}
		header.Add("Set-Cookie", cookie.String())
		header.Set("Cache-Control", privately(header.Values("Cache-Control"), i.fresh()))
		maps.DeleteFunc(header, func(name string, _ []string) bool { return forSharedCaches(name) })
	}
}

// fresh is how long a page may be shown again as it is.
func (i *issuer) fresh() time.Duration {
	if i.Once {
		return 0
	}
	return i.Lifetime
}

// siteOrigin is the origin of the site's own pages, as browsers write it (RFC 6454, 6.2).
func siteOrigin(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	return scheme + "://" + host
}

// forSharedCaches reports a header that they obey instead of Cache-Control (RFC 9213; Edge Architecture, Surrogate-Control).
func forSharedCaches(name string) bool {
	return strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control"
}

// privately makes a Cache-Control one that no shared cache keeps, and that no browser takes a page by whose ticket has ended;
// a ticket that is good once has ended when the page is shown again.
func privately(lines []string, fresh time.Duration) string {
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

// setTicketDefaults is for [New].
func (t *RouteTickets) setTicketDefaults() {
	t.Cookie = cmp.Or(t.Cookie, DefaultTicketCookie)
	t.Lifetime = cmp.Or(t.Lifetime, keys.DefaultTicketLifetime)
}
