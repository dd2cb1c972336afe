package gate

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// Too many refusals of one client are told shortly, and when to come back; its good key and other clients notice nothing.
func TestRefusalsOfOneClient(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, nil)
	now := time.Date(2026, 2, 11, 8, 0, 0, 0, time.UTC)
	g.config.Now = func() time.Time { return now }
	g.config.Refusals = sockets.NewRefusals(2, time.Minute)
	g.config.Client = func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() }
	for i, c := range []struct {
		name, target, client string
		plain                bool
		status               int
		outcome              Outcome
		retry                string
	}{
		{"the first", "/ws/0/", "192.0.2.1:1", false, 401, KeyMissing, ""},
		{"the second", "/ws/0/?key=a-wrong-key-0123456789", "192.0.2.1:2", false, 401, KeyUnknown, ""},
		{"one too many", "/ws/0/?key=a-wrong-key-0123456789", "192.0.2.1:3", false, 429, TooMany, "60"},
		{"no handshake", "/ws/0/", "192.0.2.1:4", true, 426, NotWebSocket, ""},
		{"a good key", "/ws/0/?key=" + secret + "-0-0", "192.0.2.1:5", false, 403, UpstreamRefused, ""},
		{"another client", "/ws/0/", "192.0.2.2:1", false, 401, KeyMissing, ""},
	} {
		r := handshake(c.target)
		if c.plain {
			r.Header.Del("Connection")
		}
		r.RemoteAddr = c.client
		w, d := httptest.NewRecorder(), g.Decide(r)
		err := g.ServeHTTP(w, r, d, nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusForbidden)
			return nil
		}))
		if err != nil || w.Code != c.status || d.Outcome != c.outcome || w.Header().Get("Retry-After") != c.retry {
			t.Errorf("%d, %s: %d %s, Retry-After %q, %v, want %d %s and %q",
				i, c.name, w.Code, d.Outcome, w.Header().Get("Retry-After"), err, c.status, c.outcome, c.retry)
		}
	}
}
