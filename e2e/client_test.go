package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
)

// clientSite is a server that treats sockets as their path says, and remembers what it was asked.
type clientSite struct {
	*httptest.Server
	mutex sync.Mutex
	asked map[string][]time.Time // by path
	bad   []string               // renewals that were not as they should be
}

// How the sockets of a path are closed once they are open.
var closings = map[string]struct {
	code   websocket.StatusCode
	reason string
}{
	"/ws/4400":         {4400, "the key was sent twice"},
	"/ws/4401":         {4401, "no such key"},
	"/ws/4403":         {4403, "the key of another route"},
	"/ws/1013":         {1013, "too many"},
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
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
// follow makes a socket and keeps what it tells.
const follow = (url, options) => {
  const told = [], socket = new UsherSocket(url, options);
  for (const type of ["open", "message", "close", "waiting", "refused", "outdated"])
    socket.addEventListener(type, (event) => told.push({ type, code: event.code, data: event.data, ...event.detail }));
  const all = (type) => told.filter((one) => one.type === type);
  const until = async (type, count = 1) => {
    for (let i = 0; all(type).length < count; i++) {
      if (i > 1500) throw new Error("no " + count + " " + type + " in " + JSON.stringify(told));
      await wait(5);
    }
    return all(type);
  };
  return { socket, told, all, until };
};
Object.assign(window, { UsherSocket, reloadOnce, wait, follow, ready: true });
</script>`

	outdatedPage = `<!DOCTYPE html><title>outdated</title><ol id="told"></ol><script type="module">
import { UsherSocket } from "/usher-socket.js";
const socket = new UsherSocket("/ws/outdated?key=a-secret-of-the-query", { minDelay: 10 });
for (const type of ["outdated", "refused", "waiting"])
  socket.addEventListener(type, ({ detail }) => { document.getElementById("told").append(type + " " + detail.code); });
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
	s := &clientSite{asked: make(map[string][]time.Time)}
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
			s.bad = append(s.bad, fmt.Sprint(r.Method, r.Header))
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
	s.asked[path] = append(s.asked[path], time.Now())
}

func (s *clientSite) times(path string) []time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]time.Time(nil), s.asked[path]...)
}

func (s *clientSite) count(path string) int { return len(s.times(path)) }

// script runs the body of an async function in the page.
func script[T any](t *testing.T, ctx context.Context, body string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T]("(async () => {"+body+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v, of %s", err, body)
	}
	return value
}

type told struct {
	Type   string
	Code   int
	Delay  float64
	Reason string
	Data   string
}

// The client in a real browser, against a server that does to it what a gate does.
func TestClient(t *testing.T) {
	need(t, "chromium")
	site := startClientSite(t)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(site.URL+"/page")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the module loaded", func() bool { return script[bool](t, ctx, `return window.ready === true`) })

	// These take seconds of waiting, so they begin first and are looked at last.
	script[bool](t, ctx, `
		window.refusals = [4400, 4401, 4403].map((code) => follow("/ws/" + code + "?key=a-secret", { minDelay: 10, maxDelay: 10 }));
		for (const one of refusals) await one.until("refused");
		window.tooMany = follow("/ws/1013", { minDelay: 10, random: () => 0 });
		await tooMany.until("waiting");
		return true`)
	began := time.Now()

	t.Run("back-off", func(t *testing.T) {
		waits := script[[]told](t, ctx, `
			const { socket, until } = follow("/ws/drop-growing", { minDelay: 20, maxDelay: 300, random: () => 0.5 });
			const waits = await until("waiting", 7);
			socket.close();
			return waits`)
		for i, want := range []float64{10, 20, 40, 80, 150, 150, 150} {
			if waits[i].Delay != want || waits[i].Code != 1006 {
				t.Errorf("wait %d is %v after %d, want %v after 1006", i, waits[i].Delay, waits[i].Code, want)
			}
		}
		handshakes := site.times("/ws/drop-growing")
		for i := 1; i < len(handshakes); i++ {
			// A browser's clock and the server's differ by some milliseconds.
			if gap := handshakes[i].Sub(handshakes[i-1]); gap < time.Duration(waits[i-1].Delay-5)*time.Millisecond {
				t.Errorf("handshake %d came after %v, told was %v ms", i, gap, waits[i-1].Delay)
			}
		}
	})

	t.Run("jitter", func(t *testing.T) {
		waits := script[[][]told](t, ctx, `
			const all = [0, 1, 2, 3].map(() => follow("/ws/drop-jittered", { minDelay: 20 }));
			const waits = await Promise.all(all.map((one) => one.until("waiting", 6)));
			for (const { socket } of all) socket.close();
			return waits`)
		different := make(map[float64]bool)
		for _, of := range waits {
			for i, one := range of[:6] {
				different[one.Delay] = true
				if most := 20 * float64(int(1)<<i); one.Delay < 0 || one.Delay >= most {
					t.Errorf("wait %d is %v, want less than %v", i, one.Delay, most)
				}
			}
		}
		if len(different) < 20 {
			t.Errorf("of 24 waits only %d differ", len(different))
		}
	})

	t.Run("a steady socket starts over", func(t *testing.T) {
		waits := script[[]told](t, ctx, `
			let ahead = 0;
			const { socket, until } = follow("/ws/echo-steady", { minDelay: 20, random: () => 0.5, now: () => Date.now() + ahead });
			for (const after of [0, 0, 9000, 11000]) {
				const opened = (await until("open")).length;
				ahead += after;
				socket.send("drop");
				await until("open", opened + 1);
			}
			socket.close();
			return until("waiting", 4)`)
		for i, want := range []float64{10, 20, 40, 10} {
			if waits[i].Delay != want {
				t.Errorf("wait %d is %v, want %v", i, waits[i].Delay, want)
			}
		}
	})

	t.Run("asked to wait", func(t *testing.T) {
		for _, c := range []struct {
			name, why, path string
			least, most     float64 // for a random number of 0 and of nearly 1
		}{
			{"1013", "ten seconds without a number", "1013", 10_000, 20_000},
			{"1013 with seconds", "the server knows", "1013-seconds", 17_000, 34_000},
			{"1013 with few seconds", "ten are the least", "1013-soon", 10_000, 20_000},
			{"1013 for ever", "a timer of more than 2^31 ms fires at once", "1013-never", 3_600_000, 7_200_000},
			{"4429", "of earlier servers", "4429", 12_000, 24_000},
			{"1001", "all clients at once", "1001", 0, 5_000},
			{"1012", "all clients at once", "1012", 0, 5_000},
		} {
			waits := script[[]told](t, ctx, fmt.Sprintf(`
				const waits = [];
				for (const random of [0, 0.9999]) {
					const { socket, until } = follow("/ws/%s", { minDelay: 10, random: () => random });
					waits.push(...await until("waiting"));
					socket.close();
				}
				return waits`, c.path))
			if got := waits[0].Delay; got != c.least {
				t.Errorf("%s (%s): at least %v, want %v", c.name, c.why, got, c.least)
			}
			if got := waits[1].Delay; got > c.most || got < c.most*0.99 {
				t.Errorf("%s (%s): at most %v, want nearly %v", c.name, c.why, got, c.most)
			}
		}
	})

	t.Run("online", func(t *testing.T) {
		got := script[map[string]int](t, ctx, `
			const slow = follow("/ws/drop-online", { minDelay: 60000, maxDelay: 60000, random: () => 0.9 });
			const asked = follow("/ws/1013-seconds", { minDelay: 10 });
			await slow.until("waiting"), await asked.until("waiting");
			dispatchEvent(new Event("online"));
			await slow.until("open", 2);
			await wait(100);
			slow.socket.close(), asked.socket.close();
			dispatchEvent(new Event("online"));
			await wait(100);
			return { slow: slow.all("open").length, asked: asked.all("open").length }`)
		if got["slow"] != 2 {
			t.Errorf("%d sockets after online once and close(), want 2", got["slow"])
		}
		if got["asked"] != 1 {
			t.Error("online cut short a wait that the server had asked for")
		}
	})

	t.Run("send and close", func(t *testing.T) {
		got := script[[]string](t, ctx, `
			const got = [], { socket, told, until } = follow(async () => "/ws/echo", { minDelay: 10 });
			got.push("connecting " + socket.send("lost") + " " + socket.readyState);
			await until("open");
			got.push("open " + socket.send("heard") + " " + socket.readyState);
			got.push("heard " + (await until("message"))[0].data);
			socket.close(1000, "done");
			await until("close");
			got.push("closed " + socket.send("lost") + " " + socket.readyState);
			const waiting = follow("/ws/drop-closed", { minDelay: 100, random: () => 0.99 });
			await waiting.until("waiting");
			waiting.socket.close();
			const early = follow("/ws/never");
			early.socket.close();
			await wait(200);
			got.push(told.map(({ type }) => type).join(" "), waiting.told.map(({ type }) => type).join(" "),
				early.told.map(({ type }) => type).join(" "));
			return got`)
		want := []string{"connecting false 0", "open true 1", "heard heard", "closed false 3",
			"open message close", "open close waiting", "close"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := site.count("/ws/drop-closed"); n != 1 {
			t.Errorf("%d handshakes, want none after close()", n)
		}
	})

	t.Run("errors", func(t *testing.T) {
		got := script[string](t, ctx, `
			const said = [];
			for (const url of ["ws://[a-secret", "mailto:a-secret"])
				try { new UsherSocket(url); said.push("no error"); } catch (error) { said.push(error.name + error.message + error.stack); }
			for (const [url, options] of [[() => "ws://[a-secret"], [() => { throw new Error("a-secret"); }], ["/ws/echo", { protocols: "a-secret()" }]]) {
				const { socket, told, until } = follow(url, { minDelay: 10, ...options });
				socket.addEventListener("close", ({ reason }) => said.push(reason));
				await until("waiting", 2);
				socket.close();
				said.push(JSON.stringify(told));
			}
			for (const options of [{ minDelay: 0 }, { minDelay: 9, maxDelay: 8 }, { minDelay: NaN }, { renew: { url: "/", every: 0 } }])
				try { new UsherSocket("/ws/echo", options); said.push("no error"); } catch (error) { said.push(error.name); }
			return said.join()`)
		if strings.Contains(got, "a-secret") || strings.Contains(got, "no error") || strings.Count(got, "RangeError") != 4 {
			t.Errorf("errors are %s", got)
		}
	})

	t.Run("renew", func(t *testing.T) {
		// The interval first; then reconnects, one with an old renewal and one with a fresh one; then one that fails.
		left := script[int](t, ctx, `
			const often = follow("/ws/echo-often", { renew: { url: "/renew/often", every: 100 } });
			await often.until("open");
			await wait(450);
			const renewals = () => performance.getEntriesByName(location.origin + "/renew/often").length;
			often.socket.close();
			await wait(50); // one under way
			const before = renewals();
			await wait(250);
			const left = renewals() - before;
			let ahead = 0;
			const old = follow("/ws/echo-old", { minDelay: 10, now: () => Date.now() + ahead, renew: { url: "/renew/old", every: 3600000 } });
			await old.until("open");
			ahead = 7200000;
			old.socket.send("drop");
			await old.until("open", 2);
			old.socket.send("drop");
			await old.until("open", 3);
			old.socket.close();
			ahead = 0;
			const fails = follow("/ws/echo-fails", { minDelay: 10, now: () => Date.now() + ahead, renew: { url: "/renew/fails", every: 3600000 } });
			await fails.until("open");
			ahead = 7200000;
			fails.socket.send("drop");
			await fails.until("open", 2);
			fails.socket.close();
			return left`)
		if left != 0 {
			t.Errorf("%d renewals after close()", left)
		}
		if n := site.count("/renew/often"); n < 2 || n > 5 {
			t.Errorf("%d renewals in 450 ms, want about 4", n)
		}
		renewals, handshakes := site.times("/renew/old"), site.times("/ws/echo-old")
		if len(renewals) != 1 || len(handshakes) != 3 {
			t.Fatalf("%d renewals and %d handshakes, want 1 and 3", len(renewals), len(handshakes))
		}
		if renewals[0].Before(handshakes[0]) || renewals[0].After(handshakes[1]) {
			t.Error("the renewal does not come before the reconnect")
		}
		if n := site.count("/renew/fails"); n != 1 {
			t.Errorf("%d renewals that fail, want 1", n)
		}
		site.mutex.Lock()
		defer site.mutex.Unlock()
		if len(site.bad) > 0 {
			t.Errorf("renewals without HEAD, no-store or the cookie: %v", site.bad)
		}
	})

	t.Run("module worker", func(t *testing.T) {
		got := script[[]string](t, ctx, `
			const got = [], worker = new Worker("/worker.js", { type: "module" });
			await new Promise((done, fail) => {
				worker.onerror = () => fail(new Error("the worker failed"));
				worker.onmessage = ({ data }) => got.push(data) === 2 && done();
				setTimeout(done, 5000);
			});
			await wait(200);
			worker.terminate();
			return got.sort()`)
		if fmt.Sprint(got) != "[from the worker outdated 4408 3]" {
			t.Errorf("the worker told %q", got)
		}
		if n := site.count("/ws/outdated-too"); n != 1 {
			t.Errorf("%d handshakes of an outdated worker, want 1", n)
		}
	})

	t.Run("reloadOnce", func(t *testing.T) {
		got := script[[]bool](t, ctx, `
			let time = 1e12, reloads = 0;
			const kept = {}, storage = { getItem: (key) => kept[key] ?? null, setItem: (key, value) => { kept[key] = value; } };
			const options = { storage, reload: () => reloads++, now: () => time };
			const got = [reloadOnce("a", options), reloadOnce("a", options), reloadOnce("b", options)];
			time += 59999;
			got.push(reloadOnce("a", options));
			time += 1;
			got.push(reloadOnce("a", options));
			kept["usher-socket"] = "damaged";
			got.push(reloadOnce("a", options));
			const full = { getItem: () => null, setItem: () => { throw new Error("full"); } };
			got.push(reloadOnce("c", { ...options, storage: full }), reloadOnce("c", { ...options, storage: null }), reloads === 4);
			return got`)
		if want := []bool{true, false, true, false, true, true, false, false, true}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})

	t.Run("refused", func(t *testing.T) {
		time.Sleep(time.Until(began.Add(2 * time.Second)))
		for i, code := range []int{4400, 4401, 4403} {
			path := fmt.Sprint("/ws/", code)
			if n := site.count(path); n != 1 {
				t.Errorf("%d: %d handshakes within 2 seconds, want 1", code, n)
			}
			events := script[[]told](t, ctx, fmt.Sprintf(`return refusals[%d].told`, i))
			last := events[len(events)-1]
			if len(events) != 3 || last.Type != "refused" || last.Code != code || last.Reason != closings[path].reason {
				t.Errorf("%d: told %+v, want open, close, refused", code, events)
			}
		}
	})

	t.Run("1013 comes back", func(t *testing.T) {
		// The tests of its delays opened two more, and closed them.
		before := site.times("/ws/1013")
		waitFor(t, "the handshake after ten seconds", func() bool { return site.count("/ws/1013") > len(before) })
		now := site.times("/ws/1013")
		if took := now[len(now)-1].Sub(before[0]); took < 9900*time.Millisecond {
			t.Errorf("back after %v, want 10 s", took)
		}
		script[bool](t, ctx, `tooMany.socket.close(); return true`)
	})

	t.Run("outdated page", func(t *testing.T) {
		if err := chromedp.Do(ctx, chromedp.Navigate(site.URL+"/outdated")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the second load and its socket", func() bool { return site.count("/ws/outdated") == 2 })
		// Long enough for a third load: the first reload took less.
		time.Sleep(time.Second)
		if loads, handshakes := site.count("/outdated"), site.count("/ws/outdated"); loads != 2 || handshakes != 2 {
			t.Errorf("%d loads and %d handshakes, want 2 and 2", loads, handshakes)
		}
		if told := textOf(t, ctx, "told"); told != "refused 4408" {
			t.Errorf("the reloaded page was told %q", told)
		}
		memory := script[string](t, ctx, `return JSON.stringify(sessionStorage)`)
		if !strings.Contains(memory, "/ws/outdated") || strings.Contains(memory, "a-secret") {
			t.Errorf("the storage holds %s", memory)
		}
	})
}
