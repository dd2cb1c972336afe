// Package statuspage is the Caddy module http.handlers.usher_status: a page with the state of usher, live.
package statuspage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/caddy/overview"
	"github.com/scan2food/usher/handler/operate/history"
	"github.com/scan2food/usher/handler/operate/report"
)

// Handler serves the status page: open sockets and rejections over the last day, routes with outages first, upstreams, keys by
// label, served directories, and the open sockets, which it can close. The page shows addresses of clients, but no key, ticket,
// cookie or session.
//
// It loads only behind an `authentication` handler of the same site, on a loopback address, or with `public`.
type Handler struct {
	// Whether the page may be served without an `authentication` handler. Set it if something else protects the page, such as
	// `forward_auth` or a network. Default: false.
	Public bool `json:"public,omitempty"`

	history *recorder
	pooled  lifecycle.Pooled
	ended   context.Context // when the server shuts down
	end     context.CancelFunc
}

// CaddyModule implements caddy.Module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.usher_status", New: func() caddy.Module { return new(Handler) }}
}

// Provision checks that the page is protected, and starts to record the history.
func (h *Handler) Provision(ctx caddy.Context) error {
	server := lifecycle.Server(ctx)
	if !h.Public && !isLoopback(server) && !isProtected(server) {
		return errors.New("usher_status: everybody could open the page and close sockets: put basic_auth before it, listen on a loopback address, or write public")
	}
	recorded, err := h.pooled.Load(recorders, "", func() (caddy.Destructor, error) { return startRecorder(), nil })
	if err != nil {
		return err
	}
	h.history = recorded.(*recorder)
	h.ended, h.end = context.WithCancel(context.Background())
	if server != nil {
		server.RegisterOnShutdown(h.end) // a reload waits for the end of open requests
	}
	return nil
}

// Cleanup ends the streams.
func (h *Handler) Cleanup() error {
	if h.end != nil {
		h.end()
	}
	return h.pooled.Release()
}

// ServeHTTP serves the page, its stream of events at `?events`, and the closing of a socket by POST.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	switch {
	case r.Method == http.MethodPost:
		return h.closeSocket(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD, POST")
		return caddyhttp.Error(http.StatusMethodNotAllowed, errors.New("the status page has GET, HEAD and POST"))
	case r.URL.RawQuery == "events":
		return h.stream(w, r)
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", contentPolicy)
	header.Set("X-Frame-Options", "DENY")
	_, err := w.Write(page)
	return err
}

// closing is the body of a POST.
type closing struct {
	ID uint64 `json:"id"`
	// The process that has the socket. Empty: this one.
	Process string `json:"process"`
}

var sameOrigin = http.NewCrossOriginProtection()

// closeSocket closes one socket. The request must come from the page itself.
func (h *Handler) closeSocket(w http.ResponseWriter, r *http.Request) error {
	if err := sameOrigin.Check(r); err != nil {
		return caddyhttp.Error(http.StatusForbidden, err)
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return caddyhttp.Error(http.StatusUnsupportedMediaType, errors.New("closing a socket needs JSON"))
	}
	var request closing
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&request); err != nil || request.ID == 0 {
		return caddyhttp.Error(http.StatusBadRequest, errors.New("closing a socket needs its id"))
	}
	answer, err := closeAnywhere(request)
	if err != nil {
		return caddyhttp.Error(http.StatusServiceUnavailable, err)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

// closeAnywhere closes a socket of this process, or lets another one do it.
func closeAnywhere(request closing) (closed report.Closed, err error) {
	filters := url.Values{"id": {strconv.FormatUint(request.ID, 10)}}
	if request.Process != "" {
		filters.Set("process", request.Process)
	}
	query, err := report.ParseSocketQuery(filters)
	if err != nil {
		return closed, err
	}
	code, reason, err := report.ParseClose(nil)
	if err != nil {
		return closed, err
	}
	closed = overview.CloseSockets(query, code, reason)
	closed.Nodes, err = overview.CloseElsewhere(filters, code, reason)
	return closed, err
}

// Bounds of the streams of the process.
const (
	maxStreams = 32
	interval   = 2 * time.Second
)

var streams atomic.Int32

// state is one event of the stream.
type state struct {
	At      time.Time       `json:"at"`
	Status  report.Status   `json:"status"`
	Sockets report.Sockets  `json:"sockets"`
	History *history.Series `json:"history,omitempty"` // in the first event, and once a minute
}

// stream sends the state every two seconds (server-sent events).
func (h *Handler) stream(w http.ResponseWriter, r *http.Request) error {
	if streams.Add(1) > maxStreams {
		streams.Add(-1)
		w.Header().Set("Retry-After", "10")
		return caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("more than %d status pages are open", maxStreams))
	}
	defer streams.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.ended, cancel)() // the browser connects again, to the next configuration
	controller := http.NewResponseController(w)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for sent := int64(-1); ; {
		version := h.history.version.Load()
		encoded, err := json.Marshal(h.state(ctx, sent != version))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", encoded); err != nil || controller.Flush() != nil {
			return nil // the browser has left
		}
		sent = version
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (h *Handler) state(ctx context.Context, withHistory bool) state {
	s := state{At: time.Now(), Sockets: listed.list(ctx)}
	s.Status = overview.Status()
	if withHistory {
		series := h.history.Series()
		s.History = &series
	}
	return s
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
