package gate

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// machines are two gates with one session key and a registry each, as two machines have.
func machines(t *testing.T) (here, there *Gate, published *[]*SiteEvent) {
	t.Helper()
	published = new([]*SiteEvent)
	share := func(config *Config, _ *Route) {
		config.Publish = func(e *SiteEvent) { *published = append(*published, e) }
	}
	here, there = newSessionGate(t, share), newSessionGate(t, share)
	for _, g := range []*Gate{here, there} {
		g.config.SessionKey.Replace([32]byte{1})
	}
	return here, there, published
}

// carried returns an event as another machine reads it.
func carried(t *testing.T, e *SiteEvent) *SiteEvent {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), goodSession) || strings.Contains(string(text), otherSession) {
		t.Errorf("the event shows a session: %s", text)
	}
	read := new(SiteEvent)
	if err := json.Unmarshal(text, read); err != nil {
		t.Fatal(err)
	}
	return read
}

func request(g *Gate, session string) siteRequest {
	r := pageRequest(g)
	r.cookies = []string{"sessionid=" + session}
	return r
}

func isClosed(s *sockets.Socket) bool {
	_, closed := s.Closed()
	return closed
}

const (
	endCookie   = "sessionid=; Max-Age=0; Path=/"
	renewCookie = "sessionid=" + otherSession + "; Path=/"
)

func TestSessionEndsOnAnotherMachine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header http.Header
		closed bool
		events int
	}{
		{"deleted cookie", http.Header{"Set-Cookie": {endCookie}}, true, 1},
		{"Usher-Close", http.Header{"Usher-Close": {"session"}}, true, 1},
		{"another path", http.Header{"Set-Cookie": {"sessionid=; Max-Age=0; Path=/admin"}}, false, 1},
		{"new value", http.Header{"Set-Cookie": {renewCookie}}, false, 1},
		{"the same value", http.Header{"Set-Cookie": {"sessionid=" + goodSession + "; Path=/"}}, false, 0},
		{"another cookie", http.Header{"Set-Cookie": {"theme=; Max-Age=0; Path=/"}}, false, 0},
	} {
		here, there, published := machines(t)
		s := boundSocket(t, there)
		r := request(here, goodSession)
		r.readHeader(c.header)
		if len(*published) != c.events {
			t.Errorf("%s: %d events, want %d", c.name, len(*published), c.events)
		}
		for _, e := range *published {
			there.Apply(carried(t, e))
		}
		if isClosed(s) != c.closed {
			t.Errorf("%s: closed %t, want %t", c.name, isClosed(s), c.closed)
		}
	}
}

// The value of a session changes on one machine, and its end is on another one that has not heard of the change.
func TestEventsOfASessionInAnyOrder(t *testing.T) {
	t.Parallel()
	const third = "thirdthirdthirdthirdthirdthird99"
	here, _, published := machines(t)
	r := request(here, goodSession)
	r.readHeader(http.Header{"Set-Cookie": {renewCookie}})
	r = request(here, otherSession)
	r.readHeader(http.Header{"Set-Cookie": {"sessionid=" + third + "; Path=/"}})
	r = request(here, third)
	r.readHeader(http.Header{"Set-Cookie": {endCookie}})
	events := *published
	if len(events) != 3 {
		t.Fatalf("%d events, want 3", len(events))
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}, {0, 2, 1}, {1, 0, 2}} {
		_, there, _ := machines(t)
		s := boundSocket(t, there)
		for _, i := range order {
			there.Apply(carried(t, events[i]))
		}
		if !isClosed(s) {
			t.Errorf("order %v: the socket is open after the logout", order)
		}
	}
}

func TestRecentEventsAreBounded(t *testing.T) {
	t.Parallel()
	g := newSessionGate(t, nil)
	var r recentEvents
	e := &SiteEvent{Sessions: []sockets.Session{{1}}}
	start := g.config.Now()
	r.add(e, start)
	r.add(&SiteEvent{Sessions: []sockets.Session{{2}}}, start.Add(recentTime/2))
	if r.of(sockets.Session{1}) != e {
		t.Error("a recent event is forgotten")
	}
	r.add(&SiteEvent{Sessions: []sockets.Session{{3}}}, start.Add(2*recentTime))
	if r.of(sockets.Session{1}) != nil || len(r.events) != 1 || len(r.order) != 1 {
		t.Errorf("%d events are remembered, want the latest alone", len(r.events))
	}
	for i := range maxRecent + 10 {
		r.add(&SiteEvent{Sessions: []sockets.Session{{4, byte(i), byte(i >> 8), byte(i >> 16)}}}, start.Add(2*recentTime))
	}
	if len(r.order) > maxRecent || len(r.events) > maxRecent {
		t.Errorf("%d events are remembered, want at most %d", len(r.order), maxRecent)
	}
}
