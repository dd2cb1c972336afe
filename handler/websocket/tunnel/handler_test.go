package tunnel

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

func TestTunnelCarriesBytes(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	cases := []struct {
		name, why string
		network   string
		layers    layering
	}{
		{"tcp", "the plain case", "tcp", layerings[0]},
		{"unix", "Daphne behind a socket file", "unix", layerings[0]},
		{"TLS client", "a TLS connection may hold bytes that the kernel has given away", "tcp", layerings[1]},
		{"TLS client, unix", "", "unix", layerings[1]},
		{"TLS client above ours", "TLS is read inside the wait", "tcp", layerings[2]},
		{"TLS client above ours, unix", "", "unix", layerings[2]},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startApp(t, c.network, echo)
			site := c.layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}})
			client := site.open(t)
			for _, payload := range [][]byte{nil, []byte("a"), big[:125], big[:300], big[:4096], big[:70000], big} {
				message := frame(0x82, true, payload)
				go func() { _, _ = client.Write(message) }()
				client.expect(t, message)
			}
			for range 3 {
				for i := range 200 { // many small frames at once
					message := frame(0x81, true, big[:i])
					if _, err := client.Write(message); err != nil {
						t.Fatal(err)
					}
					client.expect(t, message)
				}
			}
		})
	}
}

// TestWrappedConnection has a listener whose connections are wrapped, as by Caddy's listener wrappers, in cleartext and below
// TLS. The kernel cannot be asked about such connections.
func TestWrappedConnection(t *testing.T) {
	t.Parallel()
	type wrapper struct{ net.Conn }
	for _, secure := range []bool{false, true} {
		app := startApp(t, "tcp", echo)
		site := startSiteBehind(t, Config{Upstreams: []*Upstream{app.Upstream}}, secure,
			func(conn net.Conn) net.Conn { return wrapper{conn} })
		client := site.open(t)
		for _, size := range []int{0, 100, 512, 513, 4096, 1 << 20, 10} {
			message := frame(0x82, true, bytes.Repeat([]byte("w"), size))
			go func() { _, _ = client.Write(message) }()
			client.expect(t, message)
		}
		client.Close()
		waitFor(t, "the tunnel to end", func() bool { return site.tunnels.Len() == 0 })
	}
}

func TestTunnelToSecureApplication(t *testing.T) {
	t.Parallel()
	certificate := httptest.NewTLSServer(nil)
	certificate.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certificate.TLS)
	if err != nil {
		t.Fatal(err)
	}
	secure := &testApp{listener: listener}
	secure.accepted.Go(func() { secure.accept(t, echo) })
	t.Cleanup(func() { listener.Close(); secure.accepted.Wait() })
	upstream := &Upstream{
		Network: "tcp", Address: listener.Addr().String(),
		TLS: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}},
	}
	client := startSite(t, Config{Upstreams: []*Upstream{upstream}}, true).open(t)
	message := frame(0x82, true, bytes.Repeat([]byte("x"), 200000))
	go func() { _, _ = client.Write(message) }()
	client.expect(t, message)
}

func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	for _, layers := range layerings {
		app := startApp(t, "tcp", func(c *appConn) {
			c.accept(fromApp("before anybody asked")...)
			_, _ = io.Copy(c.Conn, c.Reader)
		})
		site := layers.start(t, Config{Upstreams: []*Upstream{app.Upstream}})
		client := site.ask(t, plainHandshake+string(text("before it was open")))
		client.expect(t, fromApp("before anybody asked"))
		client.expect(t, text("before it was open"))
	}
}

func TestHandlerPassesOn(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", echo)
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	cases := []struct{ name, why, request string }{
		{"plain", "no handshake", "GET /ws/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"h2c", "another protocol", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"},
		{"no connection", "Upgrade alone asks for nothing", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"},
		{"connect", "a CONNECT without a protocol", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := site.ask(t, c.request)
			body, _ := io.ReadAll(client.response.Body)
			if string(body) != "next" && c.name != "connect" || client.response.StatusCode != http.StatusOK {
				t.Errorf("%s %q, want it passed on (%s)", client.response.Status, body, c.why)
			}
		})
	}
}

func TestMalformedHandshakes(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) { t.Errorf("the application got a request: %v", c.request.Header) })
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	edit := func(old, new string) string { return strings.Replace(plainHandshake, old, new, 1) }
	cases := []struct {
		name, why, request string
		status             int
	}{
		{"POST", "a handshake is a GET", edit("GET", "POST"), 405},
		{"HTTP/1.0", "1.0 has no Upgrade", edit("HTTP/1.1", "HTTP/1.0"), 400},
		{"two protocols", "which one?", edit("websocket", "websocket, h2c"), 400},
		{"two Upgrade lines", "the same in two lines", edit("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"), 400},
		{"body", "a body could be taken for frames", edit("Host", "Content-Length: 5\r\nHost") + "hello", 400},
		{"chunked", "the same", edit("Host", "Transfer-Encoding: chunked\r\nHost") + "0\r\n\r\n", 400},
		{"version 12", "there is 13", edit("Version: 13", "Version: 12"), 426},
		{"no version", "", edit("Sec-WebSocket-Version: 13\r\n", ""), 426},
		{"no key", "", edit("Sec-WebSocket-Key: "+testKey+"\r\n", ""), 400},
		{"short key", "15 bytes", edit(testKey, "dGhlIHNhbXBsZSBub25j"), 400},
		{"two keys", "which one?", edit("Sec-WebSocket-Key", "Sec-WebSocket-Key: "+testKey+"\r\nSec-WebSocket-Key"), 400},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := site.ask(t, c.request).response.StatusCode; got != c.status {
				t.Errorf("status = %d, want %d (%s)", got, c.status, c.why)
			}
		})
	}
}

// TestOnlyValid101OpensATunnel checks which responses of the application open a tunnel: only a valid 101 does.
func TestOnlyValid101OpensATunnel(t *testing.T) {
	t.Parallel()
	accept := "Sec-WebSocket-Accept: " + sockets.AcceptValue(testKey) + "\r\n"
	cases := []struct {
		name, why, answer string
		status            int
		body              string
	}{
		{"200", "relayed", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
		{"403", "relayed", "HTTP/1.1 403 No\r\nX-Why: key\r\nContent-Length: 5\r\n\r\nnever", 403, "never"},
		{"426", "relayed", "HTTP/1.1 426 U\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", 426, ""},
		{"chunked", "", "HTTP/1.1 500 E\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 500, "abc"},
		{"until the end", "", "HTTP/1.0 401 E\r\n\r\nlong story", 401, "long story"},
		{"103 first", "interim answers are not the answer",
			"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 N\r\nContent-Length: 1\r\n\r\nx", 404, "x"},
		{"only 103", "nor are many of them", strings.Repeat("HTTP/1.1 103 H\r\n\r\n", 20), 502, ""},
		{"no Upgrade", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\n" + accept + "\r\n", 502, ""},
		{"h2c", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + accept + "\r\n", 502, ""},
		{"no Connection", "", "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n" + accept + "\r\n", 502, ""},
		{"no accept", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, ""},
		{"wrong accept", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
			sockets.AcceptValue("another") + "\r\n\r\n", 502, ""},
		{"protocol not offered", "a browser would close", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			accept + "Sec-WebSocket-Protocol: v9\r\n\r\n", 502, ""},
		{"two protocols", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			accept + "Sec-WebSocket-Protocol: v1, v2\r\n\r\n", 502, ""},
		{"extension not offered", "", "HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			accept + "Sec-WebSocket-Extensions: x-own\r\n\r\n", 502, ""},
		{"not HTTP", "", "220 mail.example.com\r\n\r\n", 502, ""},
		{"nothing", "", "", 502, ""},
		{"endless header", "bounded", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 2<<20), 502, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startApp(t, "tcp", func(conn *appConn) { conn.answer(c.answer) })
			site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
			client := site.ask(t, withHeader("Sec-WebSocket-Protocol: v1, v2", "Sec-WebSocket-Extensions: permessage-deflate"))
			body, err := io.ReadAll(client.response.Body)
			if client.response.StatusCode != c.status || string(body) != c.body || err != nil {
				t.Fatalf("%d %q, %v, want %d %q (%s)", client.response.StatusCode, body, err, c.status, c.body, c.why)
			}
			if c.status == 426 && client.response.Header.Get("Upgrade") != "websocket" {
				t.Errorf("426 without Upgrade: %v", client.response.Header)
			}
			if n := site.tunnels.Len(); n != 0 {
				t.Errorf("%d tunnels", n)
			}
			if client.response.Close {
				return
			}
			// What follows on the connection is an ordinary request.
			_, _ = io.WriteString(client, "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n")
			second, err := http.ReadResponse(client.reader, nil)
			if err != nil {
				t.Fatalf("second request: %v", err)
			}
			if body, _ := io.ReadAll(second.Body); string(body) != "next" {
				t.Errorf("second request: %q, want it to go the usual way", body)
			}
		})
	}
}

func TestValid101IsRelayed(t *testing.T) {
	t.Parallel()
	app := startApp(t, "tcp", func(c *appConn) {
		c.answer("HTTP/1.1 101 Go\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, Upgrade\r\nSet-Cookie: a=b\r\n" +
			"Sec-WebSocket-Accept: " + sockets.AcceptValue(testKey) + "\r\nSec-WebSocket-Protocol: v2\r\n" +
			"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n")
		_, _ = io.Copy(io.Discard, c.Reader)
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	client := site.ask(t, withHeader("Sec-WebSocket-Protocol: v1, v2", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"))
	header := client.response.Header
	if client.response.StatusCode != 101 || header.Get("Sec-Websocket-Protocol") != "v2" ||
		header.Get("Set-Cookie") != "a=b" || header.Get("Upgrade") != "websocket" || header.Get("Connection") != "Upgrade" ||
		header.Get("Sec-Websocket-Accept") != sockets.AcceptValue(testKey) {
		t.Errorf("%s %v", client.response.Status, header)
	}
}

// TestCookiesOfBoth has a policy that sets a cookie, as Caddy's `cookie` does, and an application that sets another one.
func TestCookiesOfBoth(t *testing.T) {
	t.Parallel()
	policy := func(among []*Upstream, w http.ResponseWriter, _ *http.Request) *Upstream {
		http.SetCookie(w, &http.Cookie{Name: "lb", Value: "one"})
		return among[0]
	}
	for _, answer := range []string{
		"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + sockets.AcceptValue(testKey) + "\r\n",
		"HTTP/1.1 403 F\r\nContent-Length: 0\r\n",
	} {
		app := startApp(t, "tcp", func(c *appConn) { c.answer(answer + "Set-Cookie: session=two\r\n\r\n") })
		site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, Select: policy}, false)
		response := site.ask(t, plainHandshake).response
		if got := response.Header["Set-Cookie"]; !slices.Equal(got, []string{"lb=one", "session=two"}) {
			t.Errorf("%s: the cookies are %q, want both", response.Status, got)
		}
	}
}

func TestRequestToApplication(t *testing.T) {
	t.Parallel()
	requests := make(chan *http.Request, 1)
	app := startApp(t, "tcp", func(c *appConn) {
		requests <- c.request
		c.accept()
	})
	site := startSite(t, Config{
		Upstreams: []*Upstream{app.Upstream},
		Prepare: func(request, original *http.Request, u *Upstream) {
			request.Header.Set("X-Upstream", u.String())
			request.Header.Del("Upgrade")
			request.Header.Set("Sec-WebSocket-Key", "not this one")
		},
	}, false)
	raw := strings.Replace(plainHandshake, "Connection: Upgrade", "Connection: Upgrade, X-Mine, Origin, Sec-WebSocket-Key", 1)
	raw = strings.Replace(raw, "/ws/", "/ws/%C3%A4/?a=1&b=%2F&b=2;c", 1)
	raw = strings.Replace(raw, "Host:", "X-Mine: 1\r\nOrigin: https://a.example\r\nKeep-Alive: 5\r\nTE: trailers\r\nHost:", 1)
	site.ask(t, raw)
	got := <-requests
	checks := []struct {
		name, why string
		ok        bool
	}{
		{"target", "the bytes of the client's", got.RequestURI == "/ws/%C3%A4/?a=1&b=%2F&b=2;c"},
		{"host", "the client's", got.Host == "example.com"},
		{"hop by hop", "fields of the client's connection end here",
			got.Header["X-Mine"] == nil && got.Header["Keep-Alive"] == nil && got.Header["Te"] == nil},
		{"origin", "no field of the handshake can be got rid of by listing it", got.Header.Get("Origin") == "https://a.example"},
		{"upgrade", "what makes it a handshake stays",
			got.Header.Get("Upgrade") == "websocket" && got.Header.Get("Connection") == "Upgrade" &&
				got.Header.Get("Sec-Websocket-Key") == testKey},
		{"prepared", "", got.Header.Get("X-Upstream") == app.String()},
		{"user agent", "a client without one stays without", got.Header["User-Agent"] == nil},
	}
	for _, c := range checks {
		if !c.ok {
			t.Errorf("%s: got %s %v (%s)", c.name, got.RequestURI, got.Header, c.why)
		}
	}
}

func TestHandshakeTimeout(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, why string
		serve     func(*appConn)
	}{
		{"silent", "accepts the connection and says nothing", func(c *appConn) { _, _ = io.Copy(io.Discard, c.Reader) }},
		{"half an answer", "begins and stops", func(c *appConn) {
			c.answer("HTTP/1.1 101 Swi")
			_, _ = io.Copy(io.Discard, c.Reader)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := startApp(t, "tcp", c.serve)
			site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}, HandshakeTimeout: 100 * time.Millisecond}, false)
			if got := site.ask(t, plainHandshake).response.StatusCode; got != http.StatusGatewayTimeout {
				t.Errorf("status = %d, want 504 (%s)", got, c.why)
			}
		})
	}
}

func TestClientLeavesDuringHandshake(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	ended := make(chan error, 1)
	app := startApp(t, "tcp", func(c *appConn) {
		close(asked)
		_, err := c.Reader.ReadByte()
		ended <- err
	})
	site := startSite(t, Config{Upstreams: []*Upstream{app.Upstream}}, false)
	conn := site.connect(t)
	_, _ = io.WriteString(conn, plainHandshake)
	<-asked
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("the application got a byte, want the end of its connection")
	}
	var known *Error
	if err := <-site.errs; !errors.As(err, &known) || known.Status != statusClientGone {
		t.Errorf("error = %v, want status %d", err, statusClientGone)
	}
}
