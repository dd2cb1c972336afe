package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
)

// clientSite is a server for the example client. The path of a socket selects what the server does.
type clientSite struct {
	*httptest.Server
	mutex       sync.Mutex
	requests    []string // paths, in order
	badRenewals []string
}

// closings are the Close frames that the server sends on open sockets, by path.
var closings = map[string]struct {
	code   websocket.StatusCode
	reason string
}{
	"/ws/4400":         {4400, "the key was sent twice"},
	"/ws/4401":         {4401, "no such key"},
	"/ws/4403":         {4403, "the key of another route"},
	"/ws/1013":         {1013, "too many"},
	"/ws/1013-again":   {1013, "too many"},
	"/ws/1013-seconds": {1013, "too many, retry after 17s"},
	"/ws/1013-soon":    {1013, "too many, retry after 1s"},
	"/ws/1013-never":   {1013, "too many, retry after 99999999999s"},
	"/ws/4429":         {4429, "too many, retry after 12s"},
	"/ws/1001":         {1001, "the server stops"},
	"/ws/1012":         {1012, "the server restarts"},
	"/ws/outdated":     {4408, "the build is out of date"},
	"/ws/outdated-too": {4408, "the build is out of date"},
}

const (
	clientPage = `<!DOCTYPE html><title>client</title><script type="module">
import { UsherSocket, reloadOnce } from "/usher-socket.js";
// timers records the delays of the client's timers. Timers with a delay in instant fire at once.
const timers = [], instant = new Set(), realTimeout = setTimeout;
globalThis.setTimeout = (call, delay, ...rest) => {
  timers.push(delay);
  return realTimeout(call, instant.has(delay) ? 0 : delay, ...rest);
};
const wait = (ms) => new Promise((done) => realTimeout(done, ms));
// follow opens a socket and records its events.
const follow = (url, options) => {
  const events = [], socket = new UsherSocket(url, options);
  for (const type of ["open", "message", "close", "waiting", "refused", "outdated"])
    socket.addEventListener(type, (event) => events.push({ type, code: event.code, data: event.data, ...event.detail }));
  const all = (type) => events.filter((one) => one.type === type);
  const until = async (type, count = 1) => {
    for (let i = 0; all(type).length < count; i++) {
      if (i > 6000) throw new Error("no " + count + " " + type + " in " + JSON.stringify(events));
      await wait(5);
    }
    return all(type);
  };
  return { socket, events, all, until };
};
Object.assign(window, { UsherSocket, reloadOnce, wait, follow, timers, instant, ready: true });
</script>`

	outdatedPage = `<!DOCTYPE html><title>outdated</title><ol id="events"></ol><script type="module">
import { UsherSocket } from "/usher-socket.js";
const socket = new UsherSocket("/ws/outdated?key=a-secret-of-the-query", { minDelay: 10 });
for (const type of ["outdated", "refused", "waiting"])
  socket.addEventListener(type, ({ detail }) => { document.getElementById("events").append(type + " " + detail.code); });
</script>`

	clientWorker = `import { UsherSocket } from "/usher-socket.js";
const echo = new UsherSocket("/ws/echo-worker", { minDelay: 10 });
echo.addEventListener("open", () => echo.send("from the worker"));
echo.addEventListener("message", ({ data }) => postMessage(data));
const old = new UsherSocket("/ws/outdated-too", { minDelay: 10 });
for (const type of ["outdated", "refused", "waiting"])
  old.addEventListener(type, ({ detail }) => postMessage(type + " " + detail.code + " " + old.readyState));`
)

func startClientSite(t *testing.T) *clientSite {
	s := &clientSite{}
	document := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			s.note(r.URL.Path)
			w.Header().Set("Content-Type", kind)
			http.SetCookie(w, &http.Cookie{Name: "ticket", Value: "of-the-page"})
			_, _ = w.Write([]byte(body))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/page", document("text/html", clientPage))
	mux.HandleFunc("/outdated", document("text/html", outdatedPage))
	mux.HandleFunc("/worker.js", document("text/javascript", clientWorker))
	mux.HandleFunc("/usher-socket.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../examples/client/usher-socket.js")
	})
	mux.HandleFunc("/renew/", func(w http.ResponseWriter, r *http.Request) {
		s.note(r.URL.Path)
		ticket, err := r.Cookie("ticket")
		if r.Method != http.MethodHead || r.Header.Get("Cache-Control") != "no-cache" || err != nil || ticket.Value != "of-the-page" {
			s.mutex.Lock()
			s.badRenewals = append(s.badRenewals, fmt.Sprint(r.Method, r.Header))
			s.mutex.Unlock()
		}
		if r.URL.Path == "/renew/fails" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/ws/", func(w http.ResponseWriter, r *http.Request) {
		s.note(r.URL.Path)
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		if end, ok := closings[r.URL.Path]; ok {
			_ = conn.Close(end.code, end.reason)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/ws/drop") {
			return // no Close frame: 1006
		}
		for {
			kind, message, err := conn.Read(t.Context())
			if err != nil || string(message) == "drop" {
				return
			}
			if err := conn.Write(t.Context(), kind, message); err != nil {
				return
			}
		}
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *clientSite) note(path string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, path)
}

// requestsFor returns the requests for the paths, in order.
func (s *clientSite) requestsFor(paths ...string) []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var found []string
	for _, path := range s.requests {
		if slices.Contains(paths, path) {
			found = append(found, path)
		}
	}
	return found
}

func (s *clientSite) count(path string) int { return len(s.requestsFor(path)) }

// script runs the body of an async function in the page.
func script[T any](t *testing.T, ctx context.Context, body string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T]("(async () => {"+body+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v, of %s", err, body)
	}
	return value
}

// event is an event of the client.
type event struct {
	Type   string
	Code   int
	Delay  float64
	Reason string
	Data   string
}

// openClientPage starts a site and opens its page in a browser.
func openClientPage(t *testing.T) (*clientSite, context.Context) {
	need(t, "chromium")
	site := startClientSite(t)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(site.URL+"/page")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the module loaded", func() bool { return script[bool](t, ctx, `return window.ready === true`) })
	return site, ctx
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
