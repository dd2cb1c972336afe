package application

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

//go:embed index.html release
var files embed.FS

// application is the demonstration site.
type application struct {
	folder   string
	url      string // of the site, without a slash at the end
	admin    string // the address of Caddy's admin API
	key      string // of the payment terminal
	server   *http.Server
	terminal *terminal
	stop     context.CancelFunc

	mutex    sync.Mutex
	release  int
	sessions map[string]bool
}

// start writes the files that usher needs, and starts the application. What an earlier run left is removed, so that each run
// begins with release 1.
func start(folder, url string) (*application, error) {
	socket := filepath.Join(folder, "application.sock")
	if conn, err := net.Dial("unix", socket); err == nil {
		_ = conn.Close()
		return nil, errors.New("another quickstart runs in this folder; stop it first")
	}
	for _, name := range []string{"static", "secrets", "kept", "application.sock"} {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			return nil, err
		}
	}
	a := &application{folder: folder, url: url, admin: "unix/" + folder + "/admin.sock", key: rand.Text(), sessions: map[string]bool{}}
	if err := a.writeSecrets(); err != nil {
		return nil, fmt.Errorf("writing the secrets: %w", err)
	}
	if err := a.deploy(); err != nil {
		return nil, fmt.Errorf("writing the static files: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	a.server = &http.Server{Handler: http.NewCrossOriginProtection().Handler(a.routes()), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.terminal = startTerminal(ctx, url, a.key)
	go a.announce(ctx)
	return a, nil
}

// Destruct stops the application.
func (a *application) Destruct() error {
	a.stop()
	return a.server.Close()
}

// writeSecrets writes the key of the terminal and the secret of the tickets, new ones for each run.
func (a *application) writeSecrets() error {
	secrets := filepath.Join(a.folder, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(secrets, "keys"), []byte("terminal "+a.key+"\n"), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(secrets, "ticket"), []byte(rand.Text()+rand.Text()), 0o600)
}

// announce prints where to open the site, after the last line of Caddy's start.
func (a *application) announce(ctx context.Context) {
	for !a.terminal.isOpen() {
		if !pause(ctx, 100*time.Millisecond) {
			return
		}
	}
	if pause(ctx, time.Second) {
		fmt.Fprintf(os.Stderr, "\n    usher is ready: open %s\n\n", a.url)
	}
}

func (a *application) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /quickstart/state", a.state)
	mux.HandleFunc("POST /quickstart/deploy", a.deployNext)
	mux.HandleFunc("POST /quickstart/reload", a.reloadCaddy)
	mux.HandleFunc("POST /quickstart/wrong-key", a.tryKeys)
	mux.HandleFunc("POST /quickstart/sign-in", a.signIn)
	mux.HandleFunc("POST /quickstart/sign-out", a.signOut)
	mux.HandleFunc("POST /quickstart/terminal/break", func(w http.ResponseWriter, _ *http.Request) { a.terminal.useKey(w, "the-key-of-last-year") })
	mux.HandleFunc("POST /quickstart/terminal/repair", func(w http.ResponseWriter, _ *http.Request) { a.terminal.useKey(w, a.key) })
	mux.HandleFunc("GET /ws/all-seat-datasocket/{$}", func(w http.ResponseWriter, r *http.Request) { sendEvents(w, r, order) })
	mux.HandleFunc("GET /ws/payment-status-socket/{$}", func(w http.ResponseWriter, r *http.Request) { sendEvents(w, r, payment) })
	mux.HandleFunc("GET /ws/chat/{$}", a.chat)
	return mux
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

// state returns what the page cannot see itself: the terminal, and whether a route has an outage.
func (a *application) state(w http.ResponseWriter, r *http.Request) {
	dark, err := a.darkRoutes()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	state, messages := a.terminal.report()
	a.mutex.Lock()
	release := a.release
	a.mutex.Unlock()
	writeJSON(w, map[string]any{
		"release": release, "terminal": state, "messages": messages, "dark": dark, "signed_in": a.isSignedIn(r),
	})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value)
}

// pause returns false if the application stops during the pause.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
