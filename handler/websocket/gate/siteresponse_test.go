package gate

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// pageRequest is a request of a browser with a session.
func pageRequest(g *Gate) siteRequest {
	r := httptest.NewRequest(http.MethodPost, "http://www.example.com/accounts/logout/", nil)
	r.Header.Set("Cookie", "theme=dark; csrftoken=0123456789; sessionid="+goodSession)
	return g.siteRequest(r)
}

// boundSocket opens a socket of the session that pageRequest carries.
func boundSocket(t testing.TB, g *Gate) *sockets.Socket {
	t.Helper()
	s, err := g.config.Registry.Open(sockets.Info{Route: "chat", Bond: &sockets.Bond{
		Session: g.config.SessionKey.session(sessionCookie, goodSession), Cookie: sessionCookie, Host: "www.example.com", Path: "/ws/chat/",
	}}, sockets.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.End)
	return s
}

func TestReadHeader(t *testing.T) {
	t.Parallel()
	const logout = `sessionid=""; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/`
	for _, c := range []struct {
		name   string
		header http.Header
		closed bool
	}{
		{"nothing", http.Header{"Content-Type": {"text/html"}}, false},
		{"logout", http.Header{"Set-Cookie": {"csrftoken=x", logout}}, true},
		{"word", http.Header{"Usher-Close": {"session"}, "Usher-User": {`"42"`}, "Trailer:Usher-Close": {"session"}}, true},
		{"cleared cookies", http.Header{"Clear-Site-Data": {`"cache", "cookies"`}}, true},
		{"cleared site", http.Header{"Clear-Site-Data": {`"*"`}}, true},
		{"cleared cache", http.Header{"Clear-Site-Data": {`"cache"`, `cookies`}}, false},
		{"trailer", http.Header{"Trailer:Usher-Close": {"session"}}, false},
	} {
		g := newSessionGate(t, nil)
		s, request := boundSocket(t, g), pageRequest(g)
		request.readHeader(c.header)
		if _, closed := s.Closed(); closed != c.closed {
			t.Errorf("%s: closed %v, want %v", c.name, closed, c.closed)
		}
		stripSiteHeaders(c.header)
		for name := range c.header {
			if name != "Content-Type" && name != "Set-Cookie" && name != "Clear-Site-Data" {
				t.Errorf("%s: the client gets %s", c.name, name)
			}
		}
		if _, closed := s.Closed(); !closed {
			request.readHeader(http.Header{"Set-Cookie": {logout}})
			if _, closed := s.Closed(); closed {
				t.Errorf("%s: the header was read twice", c.name)
			}
		}
	}
}

// The gate makes no allocation for a response without Set-Cookie.
func TestResponsesWithoutSetCookieAllocateNothing(t *testing.T) {
	g := newSessionGate(t, nil)
	boundSocket(t, g)
	request, header := pageRequest(g), http.Header{"Content-Type": {"text/html"}, "Cache-Control": {"private"}}
	if got := testing.AllocsPerRun(100, func() {
		request.read = false
		request.readHeader(header)
	}); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// A request that the gate passes costs no allocation, over any HTTP version.
func TestPassedRequestsAllocateNothing(t *testing.T) {
	g := newSessionGate(t, nil)
	boundSocket(t, g)
	for _, major := range []int{1, 2, 3} {
		r := httptest.NewRequest(http.MethodGet, "http://www.example.com/page/", nil)
		r.ProtoMajor = major
		r.Header.Set("Cookie", "theme=dark; sessionid="+goodSession)
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "text/html")
		served := 0
		next := nextFunc(func(w http.ResponseWriter, _ *http.Request) error {
			served++
			w.WriteHeader(http.StatusOK)
			return nil
		})
		w.WriteHeader(http.StatusOK) // so that the recorder copies no header
		if got := testing.AllocsPerRun(100, func() { _ = g.ServeHTTP(w, r, g.Decide(r), next) }); got != 0 || served == 0 {
			t.Errorf("HTTP/%d: %v allocations in %d requests, want 0", major, got, served)
		}
	}
}

func BenchmarkResponseWithoutSetCookie(b *testing.B) {
	benchmarkResponse(b, http.Header{"Content-Type": {"text/html"}})
}

func BenchmarkResponseWithOtherCookie(b *testing.B) {
	benchmarkResponse(b, http.Header{"Content-Type": {"text/html"}, "Set-Cookie": {"csrftoken=0123456789; Max-Age=31449600; Path=/; SameSite=Lax"}})
}

func BenchmarkResponseWithSession(b *testing.B) {
	benchmarkResponse(b, http.Header{"Content-Type": {"text/html"},
		"Set-Cookie": {"sessionid=" + otherSession + "; expires=Wed, 25 Feb 2026 12:00:00 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax"}})
}

func benchmarkResponse(b *testing.B, header http.Header) {
	g := newSessionGate(b, nil)
	boundSocket(b, g)
	request := pageRequest(g)
	b.ReportAllocs()
	for b.Loop() {
		request.read = false
		request.readHeader(header)
	}
}

func BenchmarkSessionKey(b *testing.B) {
	g := newSessionGate(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		g.config.SessionKey.session(sessionCookie, goodSession)
	}
}
