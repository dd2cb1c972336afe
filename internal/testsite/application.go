package testsite

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testwait"
)

// Application is a backend for tests. It records every request, accepts every handshake, and echoes all bytes.
type Application struct {
	Addr string

	mutex    sync.Mutex
	requests []*http.Request
	answer   func(http.ResponseWriter, *http.Request) bool
}

// StartApplication starts an application until the test ends.
func StartApplication(t testing.TB) *Application {
	t.Helper()
	app := new(Application)
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	app.Addr = strings.TrimPrefix(server.URL, "http://")
	return app
}

// Answer sets a function that may respond instead of the application. It returns false for requests it leaves alone.
func (a *Application) Answer(f func(http.ResponseWriter, *http.Request) bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.answer = f
}

// Seen returns the requests since the last call.
func (a *Application) Seen() []*http.Request {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	seen := a.requests
	a.requests = nil
	return seen
}

// ServeHTTP implements http.Handler.
func (a *Application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mutex.Lock()
	a.requests = append(a.requests, r)
	answer := a.answer
	a.mutex.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	if r.Header.Get("Upgrade") == "" {
		_, _ = io.WriteString(w, "plain")
		return
	}
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	accept := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		base64.StdEncoding.EncodeToString(accept[:]) + "\r\n"
	if offered := r.Header.Get("Sec-WebSocket-Protocol"); offered != "" {
		first, _, _ := strings.Cut(offered, ",")
		head += "Sec-WebSocket-Protocol: " + first + "\r\n"
	}
	_, _ = io.WriteString(conn, head+"\r\n")
	_, _ = io.Copy(conn, buffered)
}

// Exchange sends raw bytes to a server and reads its response.
func Exchange(t testing.TB, addr, raw string) *http.Response {
	t.Helper()
	conn, response := ExchangeOpen(t, addr, raw)
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		response.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	conn.Close()
	return response
}

// ExchangeOpen is Exchange without closing the connection. It does not read the body.
func ExchangeOpen(t testing.TB, addr, raw string) (net.Conn, *http.Response) {
	t.Helper()
	conn, response, err := exchange(addr, raw)
	for attempt := 1; err != nil && attempt < 5 && isOfProcess(addr); attempt++ {
		// the server of a configuration that a reload replaces, or that failed, closes new connections for a moment
		conn, response, err = exchange(addr, raw)
	}
	if err != nil {
		t.Fatalf("response to %q: %v", raw, err)
	}
	return conn, response
}

// processes has the address of each Process: a Caddy that may be reloaded.
var processes sync.Map

func isOfProcess(addr string) bool {
	_, found := processes.Load(addr)
	return found
}

func exchange(addr, raw string) (net.Conn, *http.Response, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	if _, err := io.WriteString(conn, raw); err != nil {
		conn.Close()
		return nil, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodGet})
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, response, nil
}
