package application

import (
	"context"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

//go:embed index.html release
var files embed.FS

// keys are the keys of the routes. The application checks them again after the gate, as the site of the outage does.
var keys = map[string]string{
	"/ws/all-seat-datasocket/":   "demonstration-live-orders",
	"/ws/payment-status-socket/": "demonstration-payment-status",
	"/ws/chat/":                  "demonstration-chat-screens",
}

// application is the demonstration site.
type application struct {
	folder string
	server *http.Server

	mutex   sync.Mutex
	release int
}

func start(folder, address string) (*application, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	a := &application{folder: folder}
	if err := a.deploy(); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("writing the static files: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /quickstart/deploy", a.deployNext)
	mux.HandleFunc("POST /quickstart/wrong-key", a.tryWrongKey)
	for path := range keys {
		mux.HandleFunc("GET "+path+"{$}", a.socket)
	}
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	fmt.Fprint(os.Stderr, "\n    usher is ready: open http://localhost:8080\n\n")
	return a, nil
}

// Destruct stops the application.
func (a *application) Destruct() error { return a.server.Close() }

// palette has a color for each release.
var palette = []string{"#0a7d55", "#7a3fc4", "#b4540a", "#1666b0", "#a8245e"}

// deploy overwrites the files with the next release, as a copy to a server does. The names and ?v= stay the same.
func (a *application) deploy() error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.release++
	values := map[string]any{"Release": a.release, "Colour": palette[(a.release-1)%len(palette)], "Keys": keys}
	target := filepath.Join(a.folder, "static", "theatre_js", "live-orders")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"main.js", "worker.js"} {
		source, err := template.ParseFS(files, "release/"+name)
		if err != nil {
			return err
		}
		var script strings.Builder
		if err := source.Execute(&script, values); err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(target, name), script.String()); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile replaces a file atomically, so that no reader sees a partial file.
func replaceFile(path, content string) error {
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

func (a *application) deployNext(w http.ResponseWriter, _ *http.Request) {
	if err := a.deploy(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	writeJSON(w, map[string]any{"release": a.release})
}

func (a *application) page(w http.ResponseWriter, _ *http.Request) {
	page, err := files.ReadFile("index.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(page)
}

// tryWrongKey sends usher a handshake with a wrong key, and returns the status and the body, which browsers hide.
func (a *application) tryWrongKey(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	started := time.Now()
	conn, response, err := websocket.Dial(ctx, "ws://"+r.Host+"/ws/chat/?key=this-is-a-wrong-key", nil)
	if err == nil {
		_ = conn.CloseNow()
		http.Error(w, "the wrong key was accepted", http.StatusInternalServerError)
		return
	}
	if response == nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	body := make([]byte, 512)
	n, _ := response.Body.Read(body)
	writeJSON(w, map[string]any{
		"status": response.Status, "body": strings.TrimSpace(string(body[:n])),
		"milliseconds": float64(time.Since(started).Microseconds()) / 1000,
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value)
}

// socket checks the key and sends the messages of a screen until the browser disconnects.
func (a *application) socket(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("key")), []byte(keys[r.URL.Path])) != 1 {
		http.Error(w, "wrong key", http.StatusForbidden)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{OriginPatterns: []string{"*"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	ctx := conn.CloseRead(r.Context())
	for {
		if err := wsjson.Write(ctx, conn, event(r.URL.Path)); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.Canceled) {
				_ = conn.Close(websocket.StatusGoingAway, "")
			}
			return
		case <-time.After(time.Second + rand.N(1500*time.Millisecond)):
		}
	}
}

var (
	dishes = []string{"popcorn, salted", "popcorn, sweet", "nachos with cheese", "lemonade", "iced tea", "hot dog", "masala chai"}
	lines  = []string{"Screen 2 is full.", "Nachos are running low.", "Interval in five minutes.", "Runner to row F, please."}
)

// event returns a random message for a socket.
func event(path string) map[string]any {
	seat := fmt.Sprintf("%c%d", 'A'+rand.IntN(12), 1+rand.IntN(24))
	switch path {
	case "/ws/payment-status-socket/":
		return map[string]any{"kind": "payment", "seat": seat, "text": []string{"paid by card", "paid by phone", "declined"}[rand.IntN(3)]}
	case "/ws/chat/":
		return map[string]any{"kind": "chat", "text": lines[rand.IntN(len(lines))]}
	default:
		return map[string]any{"kind": "order", "seat": seat, "text": fmt.Sprintf("%d × %s", 1+rand.IntN(3), dishes[rand.IntN(len(dishes))])}
	}
}
