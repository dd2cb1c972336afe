package check

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/handler/operate/verdict"
)

const rightKey = "check-right-key-0123456789"

// outage is the site of the outage: an unversioned worker without Cache-Control opens the socket.
func outage(t *testing.T, gated bool) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = io.WriteString(w, `<link rel=stylesheet href="/static/screen.css"><script src="/static/main.js?v=20260211"></script>
			<script type="application/json">{"a": "ws://x/ws/data/"}</script><script src="https://cdn.example/lib.js"></script>`)
	}
	mux.HandleFunc("/orders/", page)
	mux.HandleFunc("/redirected/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/orders/", http.StatusFound) })
	mux.HandleFunc("/static/main.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000")
		_, _ = io.WriteString(w, `const worker = new Worker("/static/worker.js"); // new Worker("/static/comment.js")`)
	})
	mux.HandleFunc("/static/worker.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", "Wed, 11 Feb 2026 08:00:00 GMT")
		_, _ = io.WriteString(w, `
			const scheme = location.protocol === "https:" ? "wss://" : "ws://"
			const url = scheme + location.host + "/ws/chat/?key=" + KEY
			const socket = new WebSocket(url)`)
	})
	mux.HandleFunc("/static/screen.css", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Cache-Control", "no-cache") })
	mux.HandleFunc("/ws/chat/", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		if gated && r.URL.Query().Get("key") != rightKey {
			_ = conn.Close(4401, "no")
			return
		}
		_, _, _ = conn.Read(r.Context())
		_ = conn.CloseNow()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func find(report verdict.Report, subject, found string) *verdict.Verdict {
	for i, v := range report.Verdicts {
		if strings.Contains(v.Subject, subject) && strings.Contains(v.Found, found) {
			return &report.Verdicts[i]
		}
	}
	return nil
}

func TestTheOutageIsFound(t *testing.T) {
	t.Parallel()
	server := outage(t, true)
	report, err := Run(context.Background(), Config{Page: server.URL + "/redirected/", Key: func(string) string { return rightKey }})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		subject, found string
		level          verdict.Level
	}{
		{"/orders/", "page is revalidated", verdict.Good},
		{"/static/main.js?v=20260211", "nothing proves its version", verdict.Warn},
		{"/static/worker.js", "no Cache-Control", verdict.Bad},
		{"/static/screen.css", "is revalidated", verdict.Good},
		{"/ws/chat/", "without a key: closed with 4401", verdict.Good},
		{"/ws/chat/", "with a wrong key: closed with 4401", verdict.Good},
		{"/ws/chat/", "opens with the right key", verdict.Good},
	} {
		if v := find(report, want.subject, want.found); v == nil || v.Level != want.level {
			t.Errorf("%s, %s: %+v, want the level %s", want.subject, want.found, v, want.level)
		}
	}
	if !report.Bad || report.Verdicts[0].Level != verdict.Bad {
		t.Errorf("the report is %+v, want it bad, and the bad verdict first", report)
	}
	if text := fmt.Sprint(report); strings.Contains(text, rightKey) || strings.Contains(text, "/static/comment.js") || strings.Contains(text, "/ws/data/") || strings.Contains(text, "cdn.example") {
		t.Errorf("the report shows a key, or what is no part of the page: %s", text)
	}
}

// A year of caching is judged by the name: it has a version, may have one, or has none.
func TestNamesThatAreCachedForAYear(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		level verdict.Level
		why   string
	}{
		{"index-Dy7o4it9.js", verdict.Good, "a hash of Vite"},
		{"lazy-BQia3cij.js", verdict.Warn, "a hash of Vite that could be a word"},
		{"main-settings.js", verdict.Warn, "a word that could be a hash of Vite"},
		{"worker.js", verdict.Bad, "no version"},
	} {
		var checker checker
		checker.judgeCaching(resource{url: &url.URL{Scheme: "https", Host: "example.com", Path: "/assets/" + c.name}, kind: kindModule},
			http.Header{"Cache-Control": {"public, max-age=31536000, immutable"}})
		if got := checker.report.Verdicts; len(got) != 1 || got[0].Level != c.level {
			t.Errorf("%s: %+v, want %s (%s)", c.name, got, c.level, c.why)
		}
	}
}

func TestASocketThatOpensWithoutAKeyIsBad(t *testing.T) {
	t.Parallel()
	report, err := Run(context.Background(), Config{Page: outage(t, false).URL + "/orders/"})
	if err != nil || find(report, "/ws/chat/", "opens without a key") == nil || find(report, "/ws/chat/", "opens with a wrong key") == nil {
		t.Errorf("%v, %+v, want the open socket reported", err, report)
	}
}

// The script of examples/django builds the paths of its sockets. Pieces of such a path are no path.
func TestPathsThatAScriptBuildsAreTriedIfTheyAreNamed(t *testing.T) {
	t.Parallel()
	var tried []string
	mux := http.NewServeMux()
	mux.HandleFunc("/orders/", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<script>
			for (const [screen, key] of Object.entries(keys)) {
				const socket = new WebSocket(location.origin.replace(/^http/, "ws") + "/ws/" + screen + "/?key=" + encodeURIComponent(key));
			}
			new WebSocket(`+"`wss://${location.host}/ws/room/${room}/`"+`)
			new WebSocket(base + "ws/screen/")
			new Worker("/static/" + name + ".js")
			</script>`)
	})
	mux.HandleFunc("/ws/", func(w http.ResponseWriter, r *http.Request) {
		tried = append(tried, r.URL.RequestURI())
		http.Error(w, "key_unknown: no", http.StatusUnauthorized)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	report, err := Run(context.Background(), Config{Page: server.URL + "/orders/"})
	for _, path := range []string{" ...ws/screen/, is built", "/ws/.../, is built at run time: not tried", "/ws/room/.../, is built at run time: not tried"} {
		if v := find(report, "/orders/", path); err != nil || v == nil || !strings.Contains(v.Remedy, "--key") {
			t.Errorf("%v, %+v, want %s", err, report, path)
		}
	}
	if len(tried) > 0 || report.Bad || find(report, "/static/", "") != nil {
		t.Errorf("tried %q, report %+v, want no request for a piece of a path", tried, report)
	}
	report, err = Run(context.Background(), Config{Page: server.URL + "/orders/", Paths: []string{"/ws/chat/"}, Key: func(string) string { return rightKey }})
	want := []string{"/ws/chat/", "/ws/chat/?key=" + wrongKey, "/ws/chat/?key=" + rightKey}
	if err != nil || !slices.Equal(tried, want) || find(report, "", "/ws/.../") != nil || find(report, "", "/ws/room/.../") == nil {
		t.Errorf("%v, tried %q, report %+v, want the named path tried, and the other listed", err, tried, report)
	}
}

func TestRejectAutoIsAdvisedForRejectionsOfTheGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status  int
		body    string
		advised bool
		why     string
	}{
		{401, "key_missing: this WebSocket route requires a key", true, "the gate would send a close code"},
		{403, "unlisted: this site has no WebSocket route for this path", false, "this outcome is always a status"},
		{429, "too_many: too many sockets", false, "a client that is rejected too often gets a status"},
		{403, "<h1>Forbidden</h1>", false, "the application rejects it behind the gate"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				_, _ = io.WriteString(w, `<script>new WebSocket("/ws/chat/")</script>`)
				return
			}
			http.Error(w, c.body, c.status)
		}))
		report, err := Run(context.Background(), Config{Page: server.URL})
		v := find(report, "/ws/chat/", fmt.Sprintf("without a key: status %d", c.status))
		if err != nil || v == nil || strings.Contains(v.Remedy, "reject auto") != c.advised {
			t.Errorf("%s: %v, %+v, want advice of reject auto: %t (%s)", c.body, err, v, c.advised, c.why)
		}
		server.Close()
	}
}

func TestHostileSitesAreBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/forever/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) })
	var written int
	mux.HandleFunc("/gigabyte", func(w http.ResponseWriter, r *http.Request) {
		block := []byte(strings.Repeat("<p>", 1<<18))
		for range 1 << 30 / len(block) {
			n, err := w.Write(block)
			if written += n; err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/many", func(w http.ResponseWriter, r *http.Request) {
		for i := range 10_000 {
			_, _ = fmt.Fprintf(w, "<script src='/s%d.js'></script>", i)
		}
	})
	mux.HandleFunc("/hanging-script", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `<script src=/hang></script>`) })
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)
	for _, c := range []struct {
		page    string
		wantErr string
		found   string
		why     string
	}{
		{"/hang", "deadline", "", "a page that hangs is an error"},
		{"/forever/", "more than 10 redirects", "", "redirects are bounded"},
		{"/gigabyte", "", "only the beginning was read", "a page of 1 GB is read in part"},
		{"/many", "", "the rest was not checked", "scripts are bounded"},
		{"/hanging-script", "", "does not load", "a script that hangs is a verdict"},
		{"/missing", "status 404", "", "a page that does not exist is an error"},
	} {
		timeout := time.Minute
		if strings.HasPrefix(c.page, "/hang") {
			timeout = 2 * time.Second
		}
		report, err := Run(context.Background(), Config{Page: server.URL + c.page, Timeout: timeout})
		if c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)) || c.wantErr == "" && err != nil {
			t.Errorf("%s: %v, want %q (%s)", c.page, err, c.wantErr, c.why)
		}
		if c.found != "" && find(report, "", c.found) == nil {
			t.Errorf("%s: %+v, want %q (%s)", c.page, report.Verdicts, c.found, c.why)
		}
	}
}

func TestPagesThatAreNoPagesAreErrors(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"", "example.com", "ftp://example.com/", "http://", "http://a b/"} {
		if _, err := Run(context.Background(), Config{Page: page}); err == nil || !strings.Contains(err.Error(), "want the URL of a page") {
			t.Errorf("%q: %v", page, err)
		}
	}
}

func TestNoKeyOfAURLIsShown(t *testing.T) {
	t.Parallel()
	_, err := Run(context.Background(), Config{Page: "http://user:" + rightKey + "@127.0.0.1:1/?key=" + rightKey + "&v=1"})
	if err == nil || strings.Contains(err.Error(), rightKey) || !strings.Contains(err.Error(), "v=1") {
		t.Errorf("the error is %v, want it without the key", err)
	}
}
