//go:build unix

package websocketgate_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// For Caddy, sockets in streams of HTTP/2 and 3 are request bodies. A silent one outlives Caddy's idle timeout. None of them
// delays the end of the process, which has no grace period.
func TestStreamsInAProcess(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	p := testsite.StartSecureProcess(t, testsite.SecureGlobal+`
		https://localhost:PORT {
			bind 127.0.0.1
			tls internal
			websocket_gate {
				route a /ws/a/ {
					key {env.STREAM_KEY}
				}
			}
			reverse_proxy `+app.Addr+`
		}`, "STREAM_KEY="+testsite.GoodKey)
	conn, response := p.Exchange(t, testsite.Get(testsite.Keyed, testsite.Upgrade))
	if response == nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("over HTTP/1.1: %v", response)
	}
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	defer conn.Close()
	sockets := map[string]io.ReadWriter{"HTTP/1.1": conn}
	over3, leave3 := testsite.DialHTTP3(t, p.Addr)
	for name, open := range map[string]testsite.Opener{"HTTP/2": p.OverHTTP2(t), "HTTP/3": over3} {
		socket := open(t, testsite.Keyed, "websocket", nil)
		if socket.Status != http.StatusOK {
			t.Fatalf("over %s: status %d", name, socket.Status)
		}
		sockets[name] = socket
	}
	time.Sleep(2500 * time.Millisecond) // more than twice the idle timeout
	for name, socket := range sockets {
		if !echoesOver(socket, "still here") {
			t.Errorf("over %s: a silent socket was closed", name)
		}
	}
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for name, socket := range sockets {
		got := make([]byte, 4)
		if _, err := io.ReadFull(socket, got); err != nil || got[0] != 0x88 || got[2] != 0x03 || got[3] != 0xe9 {
			t.Errorf("over %s: read % x, %v, want a Close frame with 1001", name, got, err)
		}
	}
	leave3() // as clients do after GOAWAY (RFC 9114, 5.2): Caddy waits for it
	select {
	case err := <-p.Stopped:
		if err != nil {
			t.Errorf("Caddy ended with %v", err)
		}
	case <-time.After(testwait.Limit):
		t.Error("Caddy does not stop")
	}
	if strings.Contains(testsite.WithoutProxyLines(p.Stderr.String()), testsite.GoodKey) {
		t.Errorf("the log shows the key: %s", p.Stderr.String())
	}
}

// No log line at DEBUG, configuration, response of the admin API, or metric contains a key, a ticket or a cookie. This includes
// the access and error lines of a site without log configuration.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	const (
		ticketSecret = "a-secret-of-tickets-that-is-long-enough"
		upstreamKey  = "what-the-application-gets-0123"
		wrongKey     = "a-wrong-key-of-somebody-0123"
	)
	p := testsite.StartSecureProcess(t, testsite.SecureGlobal+`
		https://localhost:PORT {
			bind 127.0.0.1
			tls internal
			log
			websocket_gate {
				route a /ws/a/ {
					key {env.LEAK_A}
				}
				route b /ws/b/ {
					key {env.LEAK_B}
					`+everywhere+`
					hide_credentials
				}
				route c /ws/c/ {
					key {env.LEAK_B}
					`+everywhere+`
					upstream_credential query key {env.LEAK_UPSTREAM}
				}
				route tunnel /ws/tunnel/ {
					key {env.LEAK_A}
					`+everywhere+`
				}
				route tickets /ws/tickets/ {
					ticket {
						secret {env.LEAK_TICKETS}
						issue_on /page
					}
				}
				reject auto
			}
			header X-Configuration WORDS
			header /page Content-Type text/html
			respond /page "<p>"
			usher_test_panic
			@dead query dead=1
			reverse_proxy @dead 127.0.0.1:1
			websocket_tunnel /ws/tunnel/ `+app.Addr+`
			reverse_proxy `+app.Addr+`
		}`, "LEAK_A="+testsite.GoodKey, "LEAK_B="+testsite.OtherKey, "LEAK_UPSTREAM="+upstreamKey, "LEAK_TICKETS="+ticketSecret)
	secrets := []string{testsite.GoodKey, testsite.OtherKey, upstreamKey, ticketSecret, wrongKey}
	for _, secret := range secrets[:] {
		secrets = append(secrets, base64.RawURLEncoding.EncodeToString([]byte(secret)))
	}

	_, page := p.Exchange(t, "GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
	cookies := page.Cookies()
	if len(cookies) != 1 {
		t.Fatalf("the page has cookies %v, want a ticket", cookies)
	}
	secrets = append(secrets, cookies[0].Value)
	answers := ""
	ask := func(want int, target, headers string) {
		t.Helper()
		conn, response := p.Exchange(t, testsite.Get(target, testsite.Upgrade+headers))
		if response == nil {
			if want != 0 {
				t.Errorf("%s: no answer, want %d", target, want)
			}
			return
		}
		defer conn.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", target, response.StatusCode, want)
		}
		if want != http.StatusSwitchingProtocols {
			body, _ := io.ReadAll(response.Body)
			answers += fmt.Sprint(response.Header, string(body))
		}
	}
	for _, bad := range []string{"", "&dead=1", "&panic=1"} {
		for _, route := range []struct{ path, key string }{
			{"/ws/a/", testsite.GoodKey}, {"/ws/b/", testsite.OtherKey}, {"/ws/c/", testsite.OtherKey}, {"/ws/tunnel/", testsite.GoodKey},
		} {
			want := map[string]int{"": 101, "&dead=1": 502, "&panic=1": 0}[bad]
			if route.path == "/ws/tunnel/" && bad != "" {
				continue // failing requests come last
			}
			encoded := base64.RawURLEncoding.EncodeToString([]byte(route.key))
			ask(want, route.path+"?key="+route.key+bad, "Referer: https://localhost/page?key="+route.key+"\r\n")
			ask(401, route.path+"?key="+wrongKey+bad, "")
			if route.path == "/ws/a/" {
				continue
			}
			ask(want, route.path+"?"+bad, "X-Api-Key: "+route.key+"\r\n")
			ask(want, route.path+"?"+bad, "Cookie: key="+route.key+"; other=1\r\n")
			ask(want, route.path+"?"+bad, "Authorization: Bearer "+route.key+"\r\n")
			ask(want, route.path+"?"+bad, "Sec-WebSocket-Protocol: app.v1, key."+encoded+"\r\n")
			ask(400, route.path+"?key="+wrongKey+bad, "X-Api-Key: "+route.key+"\r\n")
		}
		ask(map[string]int{"": 101, "&dead=1": 502, "&panic=1": 0}[bad], "/ws/tickets/?"+bad, "Cookie: "+cookies[0].Name+"="+cookies[0].Value+"\r\n")
	}
	ask(403, "/ws/a/?key="+testsite.OtherKey, "")
	ask(101, "/ws/a/?key="+wrongKey, "Origin: https://localhost\r\n") // rejected with a close code
	ask(403, "/elsewhere/?key="+testsite.GoodKey, "")

	p.Reload(t, "second") // the metrics go on
	shown := map[string]string{"the answers": answers}
	for _, path := range []string{"/config/", "/metrics", "/debug/pprof/cmdline", "/reverse_proxy/upstreams"} {
		response, err := http.Get("http://" + p.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		shown[path] = string(body)
	}
	for _, metric := range []string{
		`usher_websocket_handshakes_total{host="",outcome="accepted",route="a"} 1`, `usher_websocket_route_dark{route="a"} 0`,
		`usher_websocket_open{host="",key="",route="a"}`, `usher_websocket_seconds_since_accepted{route="a"}`,
		`usher_websocket_key_last_use_timestamp_seconds{key="a",route="a"}`, `usher_websocket_bytes_total{direction="in",host="",route="a"}`,
		`usher_websocket_duration_seconds_count{host="",route="a"}`, `usher_websocket_closes_total{`,
	} {
		if !strings.Contains(shown["/metrics"], metric) {
			t.Errorf("/metrics lacks %s", metric)
		}
	}
	if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Stopped:
	case <-time.After(testwait.Limit):
		t.Fatal("Caddy does not stop")
	}
	shown["the log"] = p.Stderr.String()
	for _, line := range []string{`"handled request"`, `"upstream roundtrip"`, `"logger":"http.log.error"`, "REDACTED", "WSREJECT", "WSDISCONNECT", `"module":{"routes"`} {
		if !strings.Contains(shown["the log"], line) {
			t.Errorf("the log lacks %s", line)
		}
	}
	shown["the log"] = testsite.WithoutProxyLines(shown["the log"])
	for name, text := range shown {
		for _, secret := range secrets {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("%s: a secret: ...%.600s", name, text[max(0, at-500):])
			}
		}
	}
}
