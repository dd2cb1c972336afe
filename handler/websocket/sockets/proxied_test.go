package sockets

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testwait"
)

// proxied is a server with a registry, and a reverse proxy to an echo server.
func proxied(t *testing.T, r *Registry, owner Owner, start func(*httptest.Server)) *httptest.Server {
	t.Helper()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		conn, err := websocket.Accept(w, request, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for {
			kind, message, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			_ = conn.Write(context.Background(), kind, message)
		}
	}))
	t.Cleanup(echo.Close)
	target, err := url.Parse(echo.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		s, err := r.Open(Info{Route: "chat", Protocol: request.Proto, Major: request.ProtoMajor, Owner: owner}, Limits{Route: 1})
		if err != nil {
			http.Error(w, err.Error(), http.StatusTooManyRequests)
			return
		}
		defer s.End()
		ctx, cancel := context.WithCancel(NewContext(request.Context(), s))
		defer cancel()
		s.OnClose(cancel)
		proxy.ServeHTTP(s.ResponseWriter(w), request.WithContext(ctx))
	}))
	start(server)
	t.Cleanup(server.Close)
	return server
}

// Behind net/http, a proxy hijacks the connection first and then writes the 101 to it.
func TestReverseProxy(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*httptest.Server){
		"cleartext": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(time.Now)
			ended := make(endings, 10)
			server := proxied(t, r, ended, start)
			ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
			defer cancel()
			dial := func(path string) (*websocket.Conn, *http.Response, error) {
				address := strings.Replace(server.URL, "http", "ws", 1) + path
				return websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: server.Client()})
			}
			if _, response, err := dial("/refused"); err == nil || response.StatusCode != http.StatusForbidden {
				t.Fatalf("a refusal came as %v", err)
			}
			conn, _, err := dial("/")
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, message, err := conn.Read(ctx); string(message) != "hello" {
				t.Fatalf("the echo is %q, %v", message, err)
			}
			counted := func() bool { // a write is counted after it has returned, which the client may notice first
				list := r.List()
				return len(list) == 1 && list[0].In == 11 && list[0].Out == 7
			}
			for deadline := time.Now().Add(testwait.Limit); !counted(); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("List() = %+v, want one socket with 11 bytes in and 7 out", r.List())
				}
			}
			if _, response, err := dial("/"); err == nil || response.StatusCode != http.StatusTooManyRequests {
				t.Errorf("a second socket: %v, want 429", err)
			}
			if n := r.CloseWhere(func(i Info) bool { return i.Route == "chat" }, 4401, "revoked"); n != 1 {
				t.Errorf("CloseWhere = %d, want 1", n)
			}
			_, _, err = conn.Read(ctx)
			var closed websocket.CloseError
			if !errors.As(err, &closed) || closed.Code != 4401 || closed.Reason != "revoked" {
				t.Errorf("the client got %v, want close 4401", err)
			}
			if e := soon(t, "the end", ended); e.By != "gate" || e.Code != 4401 || e.Route != "chat" {
				t.Errorf("ended %+v", e)
			}
			if again, _, err := dial("/"); err != nil {
				t.Errorf("the place is not free again: %v", err)
			} else {
				_ = again.CloseNow()
				soon(t, "the end", ended)
			}
		})
	}
}
