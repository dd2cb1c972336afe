package websocketgate_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// hostSocket is a socket that was opened by a host, and what a reload does to it.
type hostSocket struct {
	host, key string
	want      websocket.StatusCode // 0: it stays open and counts for max_open
}

// reloadCase is a reload, and the sockets that are open then.
type reloadCase struct {
	name, before, after string
	sockets             []hostSocket
	why                 string
}

func (test reloadCase) run(t *testing.T) {
	t.Parallel()
	before := testsite.Start(t, test.before)
	var open []*websocket.Conn
	for _, socket := range test.sockets {
		conn, err := dialHost(t, before, socket)
		if err != nil {
			t.Fatalf("%s: %v", socket.host, err)
		}
		open = append(open, conn)
	}
	after := testsite.Start(t, test.after)
	before.Unload()
	for i, socket := range test.sockets {
		if socket.want != 0 {
			if got := testsite.CloseCode(t, open[i]); got != socket.want {
				t.Errorf("the socket of %s: close code %d, want %d (%s)", socket.host, got, socket.want, test.why)
			}
			continue
		}
		if !testsite.StillOpen(t, open[i]) {
			t.Errorf("the reload closed the socket of %s (%s)", socket.host, test.why)
		}
		if _, err := dialHost(t, after, socket); err == nil || !strings.Contains(err.Error(), "429") {
			t.Errorf("a second socket of %s: %v, want 429 (%s)", socket.host, err, test.why)
		}
	}
}

const (
	away    = websocket.StatusGoingAway
	revoked = websocket.StatusCode(4401)
)

// A socket belongs to the host it came by and to the key that opened it. A reload that changes other hosts and keys does not
// close it, and does not restart max_open.
func TestReloadKeepsHostsApart(t *testing.T) {
	t.Parallel()
	a, b, c := oldKey, newKey, "the-third-key-0123456789"
	guarded, site, handle := gateBlocks(testsite.StartEcho(t)), siteBlock, handleHosts
	both := []hostSocket{{"a.example", a, 0}, {"b.example", b, 0}}
	two := site("*.example", handle("a.example", guarded(a)), handle("b.example", guarded(b)))
	for _, test := range []reloadCase{
		{"nothing changes", two, two, both, "equal route names"},
		{"add a host", two, site("*.example", handle("a.example c.example", guarded(a)), handle("b.example", guarded(b))), both, ""},
		{"add a handle", two, site("*.example", handle("c.example", guarded(c)), handle("a.example", guarded(a)), handle("b.example", guarded(b))), both,
			"the first gate has other routes"},
		{"remove a host", site("*.example", handle("a.example c.example", guarded(a)), handle("b.example", guarded(b))), two,
			[]hostSocket{{"b.example", b, 0}, {"c.example", a, away}}, "no gate guards c.example"},
		{"remove a handle", two, site("*.example", handle("b.example", guarded(b))), []hostSocket{{"a.example", a, away}, {"b.example", b, 0}}, ""},
		{"swap the handles", two, site("*.example", handle("b.example", guarded(b)), handle("a.example", guarded(a))), both, ""},
		{"swap the hosts", two, site("*.example", handle("b.example", guarded(a)), handle("a.example", guarded(b))),
			[]hostSocket{{"a.example", a, revoked}, {"b.example", b, revoked}}, "new handshakes with these keys are rejected too"},
		{"move a host", site("*.example", handle("a.example c.example", guarded(a)), handle("b.example", guarded(b))),
			site("*.example", handle("a.example", guarded(a)), handle("b.example c.example", guarded(b))),
			[]hostSocket{{"b.example", b, 0}, {"c.example", a, revoked}}, "c.example has other keys now"},
		{"alias", site("a.example", guarded(a)), site("a.example b.example", guarded(a)), []hostSocket{{"a.example", a, 0}}, ""},
		{"remove an alias", site("a.example b.example", guarded(a)), site("b.example", guarded(a)), []hostSocket{{"a.example", a, away}}, ""},
		{"turn a site into an alias", site("a.example", guarded(a)) + site("b.example", guarded(b)), site("a.example b.example", guarded(a, b)), both,
			"both count for the limit of the one gate"},
		{"turn an alias into a site", site("a.example b.example", guarded(a)), site("b.example", guarded(b)) + site("a.example", guarded(a)),
			[]hostSocket{{"a.example", a, 0}}, ""},
		{"rename a matcher", two, strings.NewReplacer("@maexample", "@first", "@mbexample", "@a").Replace(two), both, ""},
		{"nest a handle", two, site("*.example", handle("a.example", "route {\nhandle {\n"+guarded(a)+"}\n}\n"), "route {\n"+handle("b.example", guarded(b))+"}"), both, ""},
		{"a site of its own", two, site("a.example", guarded(a)) + site("b.example", guarded(b)), both, ""},
		{"a host in a site and in a handle", site("a.example b.example", handle("b.example", guarded(b)), "handle {\n"+guarded(a)+"}"),
			site("a.example b.example c.example", handle("b.example", guarded(b)), "handle {\n"+guarded(a)+"}"), both,
			"b.example is also a host of the second gate"},
		{"remove a key", two, site("*.example", handle("a.example", guarded(c)), handle("b.example", guarded(b))),
			[]hostSocket{{"a.example", a, revoked}, {"b.example", b, 0}}, ""},
		{"remove a key that another gate has", site("*.example", handle("a.example", guarded(a)), handle("b.example", guarded(a, b))),
			site("*.example", handle("a.example", guarded(c)), handle("b.example", guarded(a, b))), []hostSocket{{"a.example", a, revoked}, {"b.example", b, 0}}, ""},
		{"remove a key and add a host", two, site("*.example", handle("a.example c.example", guarded(c)), handle("b.example", guarded(a, b))),
			[]hostSocket{{"a.example", a, revoked}, {"b.example", b, 0}}, "b.example took the key"},
		{"equal hosts, other matchers", site("a.example", "handle_path /x/* {\n"+guarded(a)+"}", "handle_path /y/* {\n"+guarded(a, b)+"}"),
			site("a.example", "handle_path /y/* {\n"+guarded(a, b)+"}", "handle_path /x/* {\n"+guarded(c)+"}"),
			[]hostSocket{{"a.example/x", a, revoked}, {"a.example/y", b, 0}}, "the gate of /y does not decide for /x"},
		{"a catch-all gets a special site", ":80 {\n" + guarded(a) + "}\n", ":80 {\n" + guarded(a) + "}\n" + site("b.example", guarded(b)),
			[]hostSocket{{"a.example", a, 0}}, ""},
		{"a wildcard gets a special site", site("*.example", guarded(a)), site("*.example", guarded(a)) + site("b.example", guarded(b)),
			[]hostSocket{{"b.example", a, revoked}}, "the closest host decides"},
		{"named routes", site("a.example", "invoke one") + site("b.example", "invoke two") + "&(one) {\n" + guarded(a) + "}\n&(two) {\n" + guarded(b) + "}\n",
			site("c.example", "invoke three") + site("b.example", "invoke two") + site("a.example", "invoke one") +
				"&(three) {\n" + guarded(c) + "}\n&(one) {\n" + guarded(a) + "}\n&(two) {\n" + guarded(b) + "}\n", both, ""},
		{"remove a key of a named route", site("a.example", "invoke one") + site("b.example", "invoke two") + "&(one) {\n" + guarded(a) + "}\n&(two) {\n" + guarded(b) + "}\n",
			site("a.example", "invoke one") + site("b.example", "invoke two") + "&(one) {\n" + guarded(c) + "}\n&(two) {\n" + guarded(a, b) + "}\n",
			[]hostSocket{{"a.example", a, revoked}, {"b.example", b, 0}}, ""},
	} {
		t.Run(test.name, test.run)
	}
}

// gateBlocks returns a function that writes a gate with these keys, before a tunnel to the application.
func gateBlocks(application string) func(keys ...string) string {
	return func(keys ...string) string {
		gate := "websocket_gate {\nroute chat /ws/chat/ {\nmax_open 1\n"
		for i, key := range keys {
			gate += fmt.Sprintf("key %s %c\n", key, 'p'+i)
		}
		return gate + "}\n}\nwebsocket_tunnel /ws/* " + application + "\n"
	}
}

func siteBlock(hosts string, body ...string) string {
	return "http://" + strings.ReplaceAll(hosts, " ", " http://") + " {\n" + strings.Join(body, "\n") + "\n}\n"
}

func handleHosts(hosts, body string) string {
	name := "m" + strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' {
			return c
		}
		return -1
	}, hosts)
	return fmt.Sprintf("@%s host %s\nhandle @%s {\n%s}\n", name, hosts, name, body)
}

// dialHost opens a socket at /ws/chat/ of a host, which may end in a path before it.
func dialHost(t *testing.T, site *testsite.Site, socket hostSocket) (*websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	host, path, _ := strings.Cut(socket.host, "/")
	if path != "" {
		path = "/" + path
	}
	conn, response, err := websocket.Dial(ctx, "ws://"+site.Addr+path+"/ws/chat/?key="+socket.key,
		&websocket.DialOptions{Host: host, HTTPHeader: http.Header{}})
	if err != nil {
		if response != nil && response.Body != nil {
			response.Body.Close()
		}
		return nil, err
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, nil
}
