package application

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// terminal is a payment terminal, a client that is no browser. It connects through usher with a key, and tries again when it fails.
type terminal struct {
	url string // of the site

	mutex     sync.Mutex
	key       string
	restarted context.CancelFunc // ends the current socket
	status    string             // "open", or why the last attempt failed
	messages  int
}

func startTerminal(ctx context.Context, url, key string) *terminal {
	t := &terminal{url: url, key: key, restarted: func() {}, status: "connecting"}
	go func() {
		for {
			t.connect(ctx)
			if !pause(ctx, 500*time.Millisecond) {
				return
			}
		}
	}()
	return t
}

// connect opens a socket and reads until it ends.
func (t *terminal) connect(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.mutex.Lock()
	key := t.key
	t.restarted = cancel
	t.mutex.Unlock()
	conn, status, err := dialPayments(ctx, t.url, key)
	if err != nil {
		t.setStatus(status)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	t.setStatus("open")
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			t.setStatus("connecting")
			return
		}
		t.mutex.Lock()
		t.messages++
		t.mutex.Unlock()
	}
}

func (t *terminal) setStatus(status string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.status = status
}

// useKey gives the terminal another key, and lets it connect again.
func (t *terminal) useKey(w http.ResponseWriter, key string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if key != t.key {
		t.key, t.status = key, "connecting"
		t.restarted()
	}
	w.WriteHeader(http.StatusNoContent)
}

func (t *terminal) isOpen() bool {
	status, _ := t.report()
	return status == "open"
}

// report returns the state of the terminal and the number of messages that it received.
func (t *terminal) report() (status string, messages int) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.status, t.messages
}

// dialPayments opens the socket of the payment terminal. Status is that of the response and its body, such as "401 Unauthorized: …".
func dialPayments(ctx context.Context, url, key string) (conn *websocket.Conn, status string, err error) {
	dialing, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(dialing, "ws"+strings.TrimPrefix(url, "http")+"/ws/payment-status-socket/?key="+key, nil)
	if response == nil {
		return nil, "no response", err
	}
	status = response.Status
	if err != nil && response.Body != nil {
		body := make([]byte, 512)
		n, _ := response.Body.Read(body)
		status = fmt.Sprintf("%s: %s", status, strings.TrimSpace(string(body[:n])))
	}
	return conn, status, err
}

// tryKeys sends a handshake with a wrong key and one with the right key, and returns what a program sees.
func (a *application) tryKeys(w http.ResponseWriter, r *http.Request) {
	started := time.Now()
	conn, wrong, err := dialPayments(r.Context(), a.url, "a-wrong-key-0123456789")
	if err == nil {
		_ = conn.CloseNow()
		http.Error(w, "the wrong key was accepted", http.StatusInternalServerError)
		return
	}
	took := time.Since(started)
	conn, right, err := dialPayments(r.Context(), a.url, a.key)
	if err == nil {
		_ = conn.CloseNow()
	}
	writeJSON(w, map[string]any{"wrong": wrong, "milliseconds": float64(took.Microseconds()) / 1000, "right": right})
}
