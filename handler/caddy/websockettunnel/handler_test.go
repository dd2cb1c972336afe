package websockettunnel_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
)

const tunnelHandshake = "GET /ws/?a=1 HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func tunnelSite(t testing.TB, upstreams string, words ...string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, fmt.Sprintf(
		"http://example.com\nlog\nwebsocket_tunnel /ws/* %s {\n%s\n}\nreverse_proxy %[1]s", upstreams, strings.Join(words, "\n")))
}

// openTunnel opens a socket and returns its connection.
func openTunnel(t testing.TB, site *testsite.Site, extra ...string) (net.Conn, *http.Response) {
	t.Helper()
	raw := tunnelHandshake
	for _, line := range extra {
		raw = strings.Replace(raw, "\r\n\r\n", "\r\n"+line+"\r\n\r\n", 1)
	}
	conn, response := testsite.ExchangeOpen(t, site.Addr, raw)
	t.Cleanup(func() { conn.Close() })
	return conn, response
}

// echoes sends a frame and reads it back.
func echoes(t testing.TB, conn net.Conn, payload string) {
	t.Helper()
	message := append([]byte{0x81, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	got := make([]byte, len(message))
	if _, err := conn.Write(message); err != nil {
		t.Fatalf("writing %q: %v", payload, err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
		t.Fatalf("read %q, %v, want %q", got, err, message)
	}
}

func TestTunnelInCaddy(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := tunnelSite(t, app.Addr)
	conn, response := openTunnel(t, site)
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %s", response.Status)
	}
	echoes(t, conn, "hello")
	testsite.Eventually(t, "the access line, while the socket is open", func() bool {
		lines := site.Logs.With("handled request")
		return len(lines) == 1 && lines[0]["status"] == 101.0
	})
	ended := func() bool {
		return slices.ContainsFunc(site.Logs.Ended(), func(line map[string]any) bool {
			return line["bytes_in"] == 11.0 && line["bytes_out"] == 11.0 && line["closed_by"] == "transport"
		})
	}
	if ended() {
		t.Error("the end is logged while the socket is open")
	}
	conn.Close()
	testsite.Eventually(t, "the end logged", ended)
	plain := testsite.Exchange(t, site.Addr, "GET /ws/ HTTP/1.1\r\nHost: example.com\r\n\r\n")
	if body, _ := io.ReadAll(plain.Body); string(body) != "plain" {
		t.Errorf("a plain request got %q, want it passed on", body)
	}
}

// TestTunnelBehindTheGate has the gate admit sockets, and the tunnel carry them after a reload.
func TestTunnelBehindTheGate(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, `http://example.com
		log
		websocket_gate {
			route chat /ws/* {
				key the-good-key-of-the-tunnel
				hide_credentials
				origins any
			}
		}
		websocket_tunnel `+app.Addr)
	origin := "http://" + t.Name()
	keyed := strings.Replace(tunnelHandshake, "a=1", "key=the-good-key-of-the-tunnel", 1)
	keyed = strings.Replace(keyed, "Host:", "Origin: "+origin+"\r\nHost:", 1)
	if _, refused := openTunnel(t, site); refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a key: %s", refused.Status)
	}
	conn, response := testsite.ExchangeOpen(t, site.Addr, keyed)
	defer conn.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("with a key: %s", response.Status)
	}
	echoes(t, conn, "hello")
	if seen := app.Seen(); len(seen) != 1 || seen[0].URL.RawQuery != "" {
		t.Errorf("the application saw %v, want no key", seen)
	}
	testsite.Eventually(t, "the access line, while the socket is open", func() bool {
		return slices.ContainsFunc(site.Logs.With("handled request"), func(line map[string]any) bool { return line["status"] == 101.0 })
	})
	mine := func(info sockets.Info) bool { return info.Origin == origin }
	if closed := socketlog.Registry().CloseWhere(mine, 4401, "no more"); closed != 1 {
		t.Errorf("%d sockets closed, want the one that is open", closed)
	}
	got, err := io.ReadAll(conn)
	if err != nil || len(got) < 4 || got[0] != 0x88 || got[2] != 0x11 || got[3] != 0x31 {
		t.Errorf("read %q, %v, want a Close frame with 4401", got, err)
	}
	conn.Close()
	ends := func() int {
		lines := slices.DeleteFunc(site.Logs.Ended(), func(line map[string]any) bool { return line["origin"] != origin })
		return len(lines)
	}
	testsite.Eventually(t, "the end logged", func() bool { return ends() > 0 })
	if n := ends(); n != 1 {
		t.Errorf("the end is logged %d times", n)
	}
}

func TestTunnelRequest(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	cases := []struct {
		name, why string
		options   string
		words     []string
		sent      []string
		want      map[string]string
	}{
		{
			"forwarded", "what the client says of itself is not believed", "", nil,
			[]string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"},
			map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "example.com", "Via": "1.1 Caddy",
			},
		},
		{
			"trusted proxy", "but a trusted proxy is", "{\nservers {\ntrusted_proxies static 127.0.0.0/8\n}\n}\n", nil,
			[]string{"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop"},
			map[string]string{
				"X-Forwarded-For": "1.2.3.4, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop",
			},
		},
		{
			"header_up", "in the words of reverse_proxy", "",
			[]string{
				"header_up X-Path {path}", "header_up +X-More one", "header_up -Origin", `header_up X-Old ^a(.*) b$1`,
				"header_up X-Upstream {http.reverse_proxy.upstream.hostport}", "header_up Host app.internal",
				"header_up Upgrade nothing",
			},
			[]string{"Origin: http://example.com", "X-Old: abc", "X-More: zero"},
			map[string]string{
				"X-Path": "/ws/", "X-More": "zero,one", "Origin": "", "X-Old": "bbc", "Host": "app.internal",
				"X-Upstream": "APP", "Upgrade": "websocket",
			},
		},
	}
	for _, c := range cases {
		site := testsite.Start(t, c.options+"http://example.com\nwebsocket_tunnel "+app.Addr+" {\n"+strings.Join(c.words, "\n")+"\n}")
		if _, response := openTunnel(t, site, c.sent...); response.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("%s: %s", c.name, response.Status)
		}
		request := app.Seen()[0]
		request.Header["Host"] = []string{request.Host}
		for name, want := range c.want {
			want = strings.Replace(want, "APP", app.Addr, 1)
			if got := strings.Join(request.Header[http.CanonicalHeaderKey(name)], ","); got != want {
				t.Errorf("%s: %s = %q, want %q (%s)", c.name, name, got, want, c.why)
			}
		}
	}
}

func TestTunnelErrors(t *testing.T) {
	t.Parallel()
	hanging, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { hanging.Close() })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct {
		name, why, upstream string
		status              int
	}{
		{"dead", "nobody listens", closed.Addr().String(), http.StatusBadGateway},
		{"hanging", "nobody answers", hanging.Addr().String(), http.StatusGatewayTimeout},
	} {
		site := testsite.Start(t, "http://example.com\nwebsocket_tunnel "+c.upstream+
			" {\nhandshake_timeout 100ms\n}\nhandle_errors {\nrespond \"sorry {err.status_code}\" {err.status_code}\n}")
		_, response := openTunnel(t, site)
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != c.status || string(body) != fmt.Sprintf("sorry %d", c.status) {
			t.Errorf("%s: %d %q, want %d with the site's own page (%s)", c.name, response.StatusCode, body, c.status, c.why)
		}
	}
}

func TestTunnelPolicies(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, why string
		words     []string
		check     func(first, second int) bool
	}{
		{"first", "", []string{"lb_policy first"}, func(first, second int) bool { return first == 10 && second == 0 }},
		{"round_robin", "", []string{"lb_policy round_robin"}, func(first, second int) bool { return first == 5 && second == 5 }},
		{"weighted", "", []string{"lb_policy weighted_round_robin 4 1"},
			func(first, second int) bool { return first == 8 && second == 2 }},
		{"least_conn", "open sockets count, not requests under way", []string{"lb_policy least_conn"},
			func(first, second int) bool { return first == 5 && second == 5 }},
		{"random_choose", "", []string{"lb_policy random_choose 2"},
			func(first, second int) bool { return first == 5 && second == 5 }},
		{"client_ip_hash", "", []string{"lb_policy client_ip_hash"}, func(first, second int) bool { return first*second == 0 }},
		{"default", "", nil, func(first, second int) bool { return first+second == 10 }},
	}
	for _, c := range cases {
		first, second := testsite.StartApplication(t), testsite.StartApplication(t)
		site := tunnelSite(t, first.Addr+" "+second.Addr, c.words...)
		for range 10 {
			conn, _ := openTunnel(t, site)
			echoes(t, conn, "x")
		}
		if a, b := len(first.Seen()), len(second.Seen()); !c.check(a, b) {
			t.Errorf("%s: %d and %d handshakes (%s)", c.name, a, b, c.why)
		}
	}
}

// TestUpstreamDown: the log names the upstream and the cause once, not for each handshake, and says when it is back.
func TestUpstreamDown(t *testing.T) {
	t.Parallel()
	addr := testsite.FreeAddress(t)
	site := testsite.Start(t, "http://example.com\nwebsocket_gate {\nroute a /ws/ {\nkey "+testsite.GoodKey+"\n}\n}\nwebsocket_tunnel "+addr)
	handshake := strings.Replace(tunnelHandshake, "a=1", "key="+testsite.GoodKey, 1)
	for range 3 {
		if got := testsite.Exchange(t, site.Addr, handshake).StatusCode; got != http.StatusBadGateway {
			t.Fatalf("status %d, want 502", got)
		}
	}
	down := site.Logs.With("upstream down; trying others first")
	if len(down) != 1 || down[0]["upstream"] != "tcp/"+addr || !strings.Contains(fmt.Sprint(down[0]["error"]), "connection refused") {
		t.Errorf("logged %v, want the upstream and the cause, once", down)
	}
	for _, line := range site.Logs.With("WSREJECT") {
		if reason := fmt.Sprint(line["reason"]); !strings.Contains(reason, addr) || !strings.Contains(reason, "connection refused") {
			t.Errorf("WSREJECT with reason %q, want the upstream and the cause", reason)
		}
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = http.Serve(listener, http.NotFoundHandler()) }()
	t.Cleanup(func() { listener.Close() })
	testsite.Exchange(t, site.Addr, handshake)
	if up := site.Logs.With("upstream up again"); len(up) != 1 || up[0]["upstream"] != "tcp/"+addr {
		t.Errorf("logged %v, want that the upstream is up again", up)
	}
}
