package sockets

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	here, neighbour, there := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2"), netip.MustParseAddr("2001:db8:0:1::1")
	first := Info{Site: "a", Route: "chat", KeyID: [16]byte{1}, Client: here, User: "42"}
	open(t, r, first)
	open(t, r, Info{Site: "a", Route: "chat", KeyID: [16]byte{3}, Client: netip.MustParseAddr("::ffff:192.0.2.1")})
	for _, c := range []struct {
		name, why string
		info      Info
		limits    Limits
		by        string
	}{
		{"no limit", "zero is none", first, Limits{}, ""},
		{"route", "two are open", Info{Site: "a", Route: "chat"}, Limits{Route: 2}, "route"},
		{"route with room", "", Info{Site: "a", Route: "chat"}, Limits{Route: 3}, ""},
		{"another route", "it counts for itself", Info{Site: "a", Route: "orders", Client: here, KeyID: first.KeyID}, Limits{Route: 1, Client: 1, Key: 1}, ""},
		{"another site", "it may name its routes alike", Info{Site: "b", Route: "chat", Client: here, KeyID: first.KeyID}, Limits{Route: 1, Client: 1, Key: 1}, ""},
		{"the same /64", "one customer has it all", Info{Site: "a", Route: "chat", Client: neighbour}, Limits{Client: 1}, "client"},
		{"a zone", "is no other address", Info{Site: "a", Route: "chat", Client: here.WithZone("eth0")}, Limits{Client: 1}, "client"},
		{"another /64", "", Info{Site: "a", Route: "chat", Client: there}, Limits{Client: 1}, ""},
		{"IPv4", "in whatever form", Info{Site: "a", Route: "chat", Client: netip.MustParseAddr("192.0.2.1")}, Limits{Client: 1}, "client"},
		{"IPv4 neighbour", "counts for itself", Info{Site: "a", Route: "chat", Client: netip.MustParseAddr("192.0.2.2")}, Limits{Client: 1}, ""},
		{"the same key", "from anywhere", Info{Site: "a", Route: "chat", Client: there, KeyID: first.KeyID}, Limits{Key: 1}, "key"},
		{"another key", "", Info{Site: "a", Route: "chat", KeyID: [16]byte{2}}, Limits{Key: 1}, ""},
		{"the same user", "with another key", Info{Site: "a", Route: "chat", User: "42"}, Limits{User: 1}, "user"},
		{"another user", "", Info{Site: "a", Route: "chat", User: "43"}, Limits{User: 1}, ""},
		{"no user", "sockets without a user are not one user", Info{Site: "a", Route: "chat"}, Limits{User: 1}, ""},
	} {
		s, err := r.Open(c.info, c.limits)
		var limit *LimitError
		if got := errors.As(err, &limit); got != (c.by != "") || got && limit.By != c.by {
			t.Errorf("Open(%s) = %v, want a limit by %q (%s)", c.name, err, c.by, c.why)
		}
		if s != nil {
			s.End()
			s.End() // frees one place, not two
		}
	}
	if got := len(r.allSockets()); got != 2 {
		t.Errorf("%d sockets are left, want the first two", got)
	}
}

// A moved socket counts for the limits of its new site, and for these alone.
func TestMovedSocketCountsForItsNewSite(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	info := Info{Site: "a", Route: "chat", KeyID: [16]byte{1}}
	s := open(t, r, info)
	r.Move(s.Snapshot().ID, "b")
	for site, want := range map[string]bool{"a": true, "b": false} {
		info.Site = site
		for _, limits := range []Limits{{Route: 1}, {Client: 1}, {Key: 1}} {
			second, err := r.Open(info, limits)
			if (err == nil) != want {
				t.Errorf("a second socket of site %s with %+v: %v, want admitted=%t", site, limits, err, want)
			}
			if second != nil {
				second.End()
			}
		}
	}
	if got := r.OpenByRoute(); len(got) != 1 || got[0].Site != "b" {
		t.Errorf("routes = %+v, want that of site b alone", got)
	}
	s.End()
	r.Move(s.Snapshot().ID, "a")
	if got := r.OpenByRoute(); len(got) != 0 {
		t.Errorf("routes = %+v, want none after the end", got)
	}
}

// A limit holds for concurrent handshakes.
func TestLimitUnderConcurrency(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	var all sync.WaitGroup
	opened := make(chan *Socket, 1000)
	for range 100 {
		all.Go(func() {
			for range 10 {
				if s, err := r.Open(Info{Route: "chat"}, Limits{Route: 50}); err == nil {
					opened <- s
				}
			}
		})
	}
	all.Wait()
	close(opened)
	if len(opened) != 50 {
		t.Errorf("%d were let in, want 50", len(opened))
	}
	for s := range opened {
		s.End()
	}
	if len(r.routes) > 0 || r.stop != nil {
		t.Errorf("%d routes are counted and the sweeper runs (%v) without sockets", len(r.routes), r.stop != nil)
	}
}

// Every kind of end releases the socket.
func TestPlaceIsFreeAfterEveryEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		serve func(w http.ResponseWriter, s *Socket)
		leave bool // the client disconnects
	}{
		{"application refuses", func(w http.ResponseWriter, _ *Socket) { w.WriteHeader(http.StatusForbidden) }, false},
		{"nothing is answered", func(http.ResponseWriter, *Socket) {}, false},
		{"handler panics", func(http.ResponseWriter, *Socket) { panic(http.ErrAbortHandler) }, false},
		{"handler panics behind the 101", func(w http.ResponseWriter, _ *Socket) {
			c := switchProtocols(w)
			defer c.Close()
			panic(http.ErrAbortHandler)
		}, false},
		{"application leaves", func(w http.ResponseWriter, _ *Socket) { switchProtocols(w).Close() }, false},
		{"client resets", func(w http.ResponseWriter, _ *Socket) {
			c := switchProtocols(w)
			defer c.Close()
			_, _ = io.Copy(io.Discard, c)
		}, true},
		{"gate closes", func(w http.ResponseWriter, s *Socket) {
			c := switchProtocols(w)
			defer c.Close()
			s.Close(4401, "revoked")
			_, _ = io.Copy(io.Discard, c)
		}, false},
		{"it was detached", func(w http.ResponseWriter, s *Socket) {
			c := switchProtocols(w)
			s.Detach()
			go func() {
				defer s.End()
				defer c.Close()
				_, _ = io.Copy(io.Discard, c)
			}()
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(time.Now)
			free := make(chan struct{}, 10)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				s, err := r.Open(Info{Protocol: "HTTP/1.1"}, Limits{Route: 1, Client: 1, Key: 1})
				if err != nil {
					http.Error(w, err.Error(), http.StatusTooManyRequests)
					return
				}
				defer func() {
					if !s.Detached() {
						s.End()
					}
					free <- struct{}{}
				}()
				c.serve(s.ResponseWriter(w), s)
			}))
			server.Start()
			defer server.Close()
			for range 3 {
				conn, err := net.Dial("tcp", server.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
				answer := make([]byte, 12)
				_, _ = io.ReadFull(conn, answer)
				if strings.HasSuffix(string(answer), " 429") {
					t.Fatal("the place is still taken")
				}
				if c.leave {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				conn.Close()
				soon(t, "the end of the handler", free)
				for deadline := time.Now().Add(testwait.Limit); len(r.allSockets()) > 0; {
					if time.Now().After(deadline) {
						t.Fatal("the place is still taken")
					}
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
}

func switchProtocols(w http.ResponseWriter) net.Conn {
	w.WriteHeader(http.StatusSwitchingProtocols)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	return conn
}

func TestListAndCloseID(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	r := NewRegistry(func() time.Time { return now })
	ended := make(endings, 10)
	client, server := tcpPair(t)
	info := Info{Route: "chat", Key: "screens", Client: netip.MustParseAddr("192.0.2.1"), Origin: "https://" + strings.Repeat("x", 300), Protocol: "HTTP/1.1", Owner: ended}
	s := open(t, r, info)
	if len(r.List()) > 0 {
		t.Error("a handshake that is under way is listed as open")
	}
	conn := upgraded(t, s, server)
	_, _ = conn.Write(frame(1, []byte("hello")))
	list := r.List()
	info.Origin = info.Origin[:255]
	if want := (Snapshot{Info: info, ID: s.id, Started: now, Out: 7, Active: now.Local()}); len(list) != 1 || list[0] != want {
		t.Fatalf("List() = %+v, want %+v", list, want)
	}
	if routes := r.OpenByRoute(); !slices.Equal(routes, []OpenSockets{{"", "chat", 1}}) {
		t.Errorf("Routes() = %v, want one open socket of chat", routes)
	}
	if r.CloseID(s.id+1, 4401, "") {
		t.Error("CloseID closed a socket that is not there")
	}
	got := follow(client)
	if !r.CloseID(s.id, 4401, "by hand") || r.CloseID(s.id, 4401, "again") {
		t.Error("CloseID did not close the socket once")
	}
	soon(t, "the end", got)
	now = now.Add(time.Minute)
	conn.Close()
	s.End()
	if e := soon(t, "the end", ended); e.Duration != time.Minute || e.ID != list[0].ID || e.By != "gate" {
		t.Errorf("ended %+v, want after a minute, by the gate", e)
	}
	if len(r.OpenByRoute()) > 0 {
		t.Errorf("Routes() = %v without sockets", r.OpenByRoute())
	}
}

// Closing the sockets of one key leaves those of every other.
func TestCloseWhere(t *testing.T) {
	t.Parallel()
	r := NewRegistry(time.Now)
	var got [3]<-chan []byte
	var conns [3]net.Conn
	for i := range got {
		client, server := tcpPair(t)
		conns[i] = upgraded(t, open(t, r, Info{KeyID: [16]byte{byte(i % 2)}}), server)
		got[i] = follow(client)
	}
	if n := r.CloseWhere(func(i Info) bool { return i.KeyID == [16]byte{0} }, 4401, "revoked"); n != 2 {
		t.Errorf("CloseWhere = %d, want 2", n)
	}
	for _, i := range []int{0, 2} {
		if stream := soon(t, "the Close", got[i]); string(stream) != string(closeFrame(4401, "revoked")) {
			t.Errorf("socket %d got %x, want a Close frame", i, stream)
		}
	}
	_, _ = conns[1].Write(frame(1, []byte("still here")))
	conns[1].Close()
	if stream := soon(t, "the end", got[1]); string(stream) != string(frame(1, []byte("still here"))) {
		t.Errorf("the socket of another key got %x", stream)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	s := open(t, NewRegistry(time.Now), Info{})
	if got := FromContext(NewContext(context.Background(), s)); got != s {
		t.Errorf("FromContext = %p, want %p", got, s)
	}
	if got := FromContext(context.Background()); got != nil {
		t.Errorf("FromContext without a socket = %p", got)
	}
}

// Ten thousand open sockets cost at most a kilobyte and no goroutine each.
func TestSocketsAreSmall(t *testing.T) {
	const sockets = 10000
	r := NewRegistry(time.Now)
	goroutines := runtime.NumGoroutine()
	kept := make([]any, 0, 4*sockets)
	before := heapInUse()
	for i := range sockets {
		client := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		s, err := r.Open(Info{
			Route: "chat", Key: "screens", Client: client, Protocol: "HTTP/1.1", IdleTimeout: time.Hour, Until: time.Now().Add(time.Hour),
		}, Limits{Route: sockets, Client: 1, Key: sockets})
		if err != nil {
			t.Fatal(err)
		}
		s.OnClose(func() { kept[0] = i }) // as a gate does
		kept = append(kept, s, NewContext(context.Background(), s), s.ResponseWriter(nil), upgraded(t, s, nil))
	}
	each := (heapInUse() - before) / sockets
	t.Logf("%d bytes each", each)
	if each > 1024 {
		t.Errorf("a socket costs %d bytes, want at most 1024", each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 2 {
		t.Errorf("%d sockets cost %d goroutines, want one", sockets, more)
	}
	for _, s := range r.allSockets() {
		s.End()
	}
	runtime.KeepAlive(kept)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
