package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Requests that stay HTTP on the path of a route are rejected, checked like a handshake, or passed.
func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	key := secret + "-0-0"
	for _, c := range []struct {
		name   string
		policy PlainPolicy
		target string
		origin string
		want   Outcome
		status int
		why    string
	}{
		{"refused", PlainRefuse, "/ws/0/?key=" + key, "", NotWebSocket, 426, "the default"},
		{"checked", PlainCheck, "/ws/0/?key=" + key, "", Accepted, 200, "the key of the route"},
		{"checked, below", PlainCheck, "/poll/x?key=" + key, "", Accepted, 200, "below a prefix"},
		{"checked, own page", PlainCheck, "/ws/0/?key=" + key, "https://example.com", Accepted, 200, "its own origin"},
		{"checked, none", PlainCheck, "/ws/0/", "", KeyMissing, 401, "as a handshake"},
		{"checked, wrong", PlainCheck, "/ws/0/?key=of-somebody-else", "", KeyUnknown, 401, "as a handshake"},
		{"checked, twice", PlainCheck, "/ws/0/?key=" + key + "&key=" + key, "", KeyAmbiguous, 400, "as a handshake"},
		{"checked, other page", PlainCheck, "/ws/0/?key=" + key, "https://evil.example", OriginDenied, 403, "as a handshake"},
		{"checked, other case", PlainCheck, "/WS/0/", "", Unlisted, 403, "the application may fold it"},
		{"checked, without slash", PlainCheck, "/ws/0", "", Unlisted, 403, "the application may add it"},
		{"checked, two slashes", PlainCheck, "/ws//0/", "", Unlisted, 403, "the application may merge them"},
		{"checked, dots", PlainCheck, "/x/%2e%2e/ws/0/", "", Unlisted, 403, "the application may clean it"},
		{"checked, escaped slash below", PlainCheck, "/poll/a%2fb", "", Unlisted, 403, "servers disagree"},
		{"checked, beyond ASCII", PlainCheck, "/s%C3%B8/", "", KeyMissing, 401, "as a handshake"},
		{"checked, beyond ASCII, without slash", PlainCheck, "/s%c3%b8", "", Unlisted, 403, "the application may add it"},
		{"checked, beyond ASCII, other case", PlainCheck, "/M%c3%85L/x", "", Unlisted, 403, "the application may fold it"},
		{"checked, within another path", PlainCheck, "/static/ws/0/app.js", "", Passed, 200, "an asset"},
		{"checked, another path", PlainCheck, "/page", "", Passed, 200, "a page"},
		{"passed", PlainPass, "/ws/0/", "https://evil.example", Passed, 200, "no check"},
	} {
		g := newGate(t, 1, func(r *Route) { r.Plain, r.Paths = c.policy, append(r.Paths, "/poll/*", "/sø/", "/mål/*") })
		g.config.Reject = RejectClose
		r, w := httptest.NewRequest(http.MethodPost, "http://example.com"+c.target, nil), httptest.NewRecorder()
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		d := g.Decide(r)
		served := false
		err := g.ServeHTTP(w, r, d, nextFunc(func(http.ResponseWriter, *http.Request) error {
			served = true
			return nil
		}))
		if err != nil || d.Outcome != c.want || w.Code != c.status || served != (c.status == 200) {
			t.Errorf("%s: %s, status %d, served %t, want %s and %d (%s)", c.name, d.Outcome, w.Code, served, c.want, c.status, c.why)
		}
		if open := len(g.config.Registry.List()); open > 0 {
			t.Errorf("%s: %d sockets are registered, want none", c.name, open)
		}
		if w.Header().Get("Connection") != "" && c.want != NotWebSocket {
			t.Errorf("%s: Connection: %s, want none", c.name, w.Header().Get("Connection"))
		}
	}
}

// `hide_credentials` removes the credential from plain requests as from handshakes.
func TestPlainHTTPCredentialIsReplaced(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, func(r *Route) {
		r.Plain, r.Upstream = PlainCheck, &UpstreamCredential{In: InHeader, Name: "X-Key", Secret: "of-the-application"}
	})
	r := httptest.NewRequest(http.MethodGet, "/ws/0/?a=1&key="+secret+"-0-0", nil)
	err := g.ServeHTTP(httptest.NewRecorder(), r, g.Decide(r), nextFunc(func(_ http.ResponseWriter, r *http.Request) error {
		if r.URL.RawQuery != "a=1" || r.Header.Get("X-Key") != "of-the-application" || r.Header.Get("Connection") != "" {
			t.Errorf("the application sees %q and %v", r.URL.RawQuery, r.Header)
		}
		return nil
	}))
	if err != nil {
		t.Error(err)
	}
}
