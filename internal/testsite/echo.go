package testsite

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testwait"
)

// OpenSocket opens a socket at /ws/chat/ with a key.
func OpenSocket(t *testing.T, site *Site, key string) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/?key="+key, nil)
	if err != nil {
		t.Fatalf("opening a socket: %v", err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// CloseCode waits for the end of a socket and returns its close code.
func CloseCode(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	_, _, err := conn.Read(ctx)
	return websocket.CloseStatus(err)
}

// StartEcho starts an application that echoes WebSocket messages, and returns its address.
func StartEcho(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(EchoMessages))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// EchoMessages accepts a WebSocket and echoes its messages.
func EchoMessages(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	for {
		kind, message, err := conn.Read(r.Context())
		if err != nil || conn.Write(r.Context(), kind, message) != nil {
			return
		}
	}
}

// StillOpen reports whether the application echoes a message on a socket.
func StillOpen(t *testing.T, conn *websocket.Conn) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte("are you there")); err != nil {
		return false
	}
	_, answer, err := conn.Read(ctx)
	return err == nil && string(answer) == "are you there"
}
