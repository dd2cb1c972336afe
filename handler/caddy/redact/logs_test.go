package redact_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// The lines of a failed handshake contain its error and no key, also with handle_errors.
func TestErrorLinesShowNoCredential(t *testing.T) {
	t.Parallel()
	const refused = "dial tcp 127.0.0.1:1: connect: connection refused"
	for _, c := range []struct {
		name, pages string
		status      int
		body        string
		level       string // of the line of the error
		why         string
	}{
		{"none", "", 502, "", "error", "Caddy's own response"},
		{"page", "handle_errors {\nrespond \"not there\" 502\n}", 502, "not there", "debug", "the error was handled"},
		{"other status", "handle_errors {\nrespond \"later\" 503\n}", 503, "later", "debug", "the access line has the status of the error"},
		{"fails", "handle_errors {\nerror \"twice\" 500\n}", 502, "", "debug", "Caddy sends the first status"},
		{"log_name", "handle_errors {\nlog_name other\nrespond \"not there\" 502\n}", 502, "not there", "debug", "the response has started"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, `
				http://localhost {
					log
					websocket_gate {
						route a /ws/a/ {
							key `+testsite.GoodKey+`
						}
					}
					reverse_proxy 127.0.0.1:1
					`+c.pages+`
				}`)
			response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status || string(body) != c.body {
				t.Errorf("%d %q, want %d %q (%s)", response.StatusCode, body, c.status, c.body, c.why)
			}
			expectAccess(t, site, "http.log.access", 502)
			lines := site.Logs.With(refused)
			if len(lines) != 1 || lines[0]["level"] != c.level || !strings.HasPrefix(lines[0]["logger"].(string), "http.log.error") {
				t.Errorf("error lines %v, want one at %s (%s)", lines, c.level, c.why)
			}
			if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
				t.Errorf("the log shows the key: %s (%s)", site.Logs, c.why)
			}
		})
	}
}

// A response of the application may contain the key.
func TestAnswerShowsNoCredential(t *testing.T) {
	t.Parallel()
	site, app := testsite.StartGate(t, "")
	app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "/elsewhere?key="+testsite.GoodKey)
		w.Header().Set("X-Other", "as it is")
		w.WriteHeader(http.StatusFound)
		return true
	})
	if response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)); response.Header.Get("Location") != "/elsewhere?key="+testsite.GoodKey {
		t.Errorf("the answer is %v", response.Header)
	}
	lines := site.Logs.With("handled request")
	if got := fmt.Sprint(lines); len(lines) != 1 || !strings.Contains(got, "Location:[/elsewhere?key=REDACTED]") || !strings.Contains(got, "X-Other:[as it is]") {
		t.Errorf("the access line is %v", lines)
	}
}

// Two gates of one server, such as those of two sites on one port, write no access line where the server has no access log.
func TestNoAccessLinesWithoutAccessLog(t *testing.T) {
	t.Parallel()
	const gated = " {\nwebsocket_gate {\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\n}\n}\nrespond 403\n}\n"
	site := testsite.Start(t, "http://localhost"+gated+"http://inner.localhost"+gated)
	for _, host := range []string{"localhost", "inner.localhost"} {
		response := testsite.Exchange(t, site.Addr, strings.Replace(testsite.Get(testsite.Keyed, testsite.Upgrade), "Host: localhost", "Host: "+host, 1))
		if response.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", host, response.Status)
		}
	}
	site.Unload()
	if lines := site.Logs.With("handled request"); len(lines) != 0 {
		t.Errorf("access lines %v, want none", lines)
	}
}

// A handler behind the gate sees every part of the request as the client sent it, and so does handle_errors.
func TestHandlersSeeTheRequestAsItCame(t *testing.T) {
	t.Parallel()
	const seen = "{http.request.orig_uri} {http.request.uri} {http.request.orig_uri.query} {query.key}"
	for _, c := range []struct{ name, behind string }{
		{"handler", "respond \"" + seen + "\" 403"},
		{"handle_errors", "error 403\nhandle_errors {\nrespond \"" + seen + "\" 403\n}"},
	} {
		site := testsite.Start(t, "http://localhost\nlog\nwebsocket_gate {\nroute a /ws/a/ {\nkey "+testsite.GoodKey+"\n}\n}\n"+c.behind)
		response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade))
		body, _ := io.ReadAll(response.Body)
		if want := testsite.Keyed + " " + testsite.Keyed + " key=" + testsite.GoodKey + " " + testsite.GoodKey; string(body) != want {
			t.Errorf("%s: the handler sees %q, want %q", c.name, body, want)
		}
		if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
			t.Errorf("%s: the log shows the key: %s", c.name, testsite.LineWith(site.Logs, testsite.GoodKey))
		}
	}
}

// FastCGI gets its parameters from the original request, not from the redacted one.
func TestFastCGIBehindTheGate(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.RequestURI())
		}))
	}()
	site := testsite.Start(t, `
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key `+testsite.GoodKey+`
			}
		}
		reverse_proxy `+listener.Addr().String()+` {
			transport fastcgi {
				root /srv
			}
		}`)
	response := testsite.Exchange(t, site.Addr, "GET /page?key="+testsite.GoodKey+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 || string(body) != "/page?key="+testsite.GoodKey {
		t.Errorf("%s %q, want the original target", response.Status, body)
	}
}

func expectAccess(t *testing.T, site *testsite.Site, logger string, status int) {
	t.Helper()
	testsite.Eventually(t, "the access line", func() bool { return len(site.Logs.With("handled request")) > 0 })
	lines := site.Logs.With("handled request")
	if len(lines) != 1 || lines[0]["logger"] != logger || lines[0]["status"] != float64(status) {
		t.Errorf("access lines %v, want one of %s with status %d", lines, logger, status)
	}
	if request := lines[0]["request"].(map[string]any); request["uri"] != "/ws/a/?key=REDACTED" || request["method"] != http.MethodGet {
		t.Errorf("the access line shows %v", request)
	}
}
