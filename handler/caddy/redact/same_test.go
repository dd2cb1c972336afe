package redact_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/internal/testsite"
)

// The access line of a request has each field that Caddy's own has, with the same value, and the same message and level.
func TestAccessLineIsCaddys(t *testing.T) {
	t.Parallel()
	handshake := testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Other: 1\r\n")
	const other = "Connection: Upgrade\r\nUpgrade: other\r\n"
	for _, c := range []struct{ name, handlers, request, why string }{
		{"response", `respond "no" 403`, handshake, "status, size and header of the response"},
		{"log_append", "log_append a b\nlog_append c {http.request.method}\nrespond 403", handshake, "extra fields"},
		{"log_name", "log_name x\nrespond 403", handshake, "another logger"},
		{"log_skip", "log_skip\nrespond 403", handshake, "no line"},
		{"level", "vars log_level error\nrespond 403", handshake, "another level"},
		{"server error", "respond 500", handshake, "level error"},
		{"error", `error "no" 503`, handshake, "the status of the error"},
		{"user", "basic_auth {\nu $2a$04$xMp4mTSSF1RmYXHZ0q4zq.i1aQbzWkIEbvJPBnLQq0lNfBXhxVzXO\n}\nrespond 403", handshake, "an error of a handler, and its header"},
		{"unhandled", "", testsite.Get("/elsewhere/", other), "message NOP"},
		{"body", "respond 200", strings.Replace(testsite.Get("/elsewhere/", other+"Content-Length: 4\r\n"), "GET", "POST", 1) + "body", "bytes_read"},
		// by a handler: Caddy's own line reads its counter while the transport of a proxy may still write it
		{"body that is read", "respond {http.request.body}", strings.Replace(testsite.Get("/elsewhere/", other+"Content-Length: 4\r\n"), "GET", "POST", 1) + "body", "bytes_read"},
		{"encoded", "encode {\nminimum_length 1\n}\nheader Content-Type text/plain\nrespond \"" + strings.Repeat("long ", 300) + "\" 403",
			strings.Replace(handshake, "X-Other: 1", "Accept-Encoding: gzip", 1), "the size that was sent"},
		{"write timeout", "reverse_proxy APPLICATION", handshake, "write_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := testsite.StartApplication(t)
			options := ""
			if c.name == "write timeout" {
				options = "{\nservers {\ntimeouts {\nwrite 20ms\n}\n}\n}\n"
				app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path == "/next" {
						return false
					}
					time.Sleep(40 * time.Millisecond)
					w.WriteHeader(http.StatusForbidden)
					return true
				})
			}
			handlers := strings.ReplaceAll(c.handlers, "APPLICATION", app.Addr)
			const gated = "websocket_gate {\nunlisted pass\nroute a /ws/a/ {\nkey " + testsite.GoodKey + "\nhandshake_timeout 1m\n}\n}\n"
			var lines [2]string
			for i, gate := range []string{"", gated} {
				site := testsite.Start(t, options+"http://localhost {\nlog\n"+gate+handlers+"\n}")
				conn, err := net.Dial("tcp", site.Addr)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.WriteString(conn, c.request)
				_, _ = io.ReadAll(io.LimitReader(conn, 10)) // there may be no response
				conn.Close()
				testsite.Eventually(t, "the line of a next request", func() bool {
					testsite.Exchange(t, site.Addr, testsite.Get("/next", ""))
					return c.name == "log_skip" || strings.Contains(site.Logs.String(), `"uri":"/next"`) && accessLines(site) != ""
				})
				lines[i] = accessLines(site)
			}
			if c.name == "write timeout" && !strings.Contains(lines[0], "write_error") {
				t.Errorf("Caddy's own line is %q", lines[0])
			}
			if (lines[0] == "") != (c.name == "log_skip") {
				t.Errorf("Caddy's own line is %q", lines[0])
			}
			if want := strings.ReplaceAll(lines[0], testsite.GoodKey, "REDACTED"); lines[1] != want {
				t.Errorf("%s:\n%s, want\n%s", c.why, lines[1], want)
			}
		})
	}
}

var ports = regexp.MustCompile(`:[0-9]{4,5}\b`)

// accessLines are the access lines that are not for /next, without what differs from request to request.
func accessLines(site *testsite.Site) string {
	var all strings.Builder
	for _, message := range []string{"handled request", "NOP"} {
		for _, line := range site.Logs.With(message) {
			request := line["request"].(map[string]any)
			if request["uri"] == "/next" {
				continue
			}
			for _, name := range []string{"ts", "duration"} {
				if line[name] == nil {
					all.WriteString("no " + name + "\n")
				}
				delete(line, name)
			}
			delete(request, "remote_port")
			if headers, ok := line["resp_headers"].(map[string]any); ok {
				delete(headers, "Date")
			}
			for _, name := range slices.Sorted(maps.Keys(line)) {
				fmt.Fprintf(&all, "%s: %v\n", name, ports.ReplaceAllString(fmt.Sprint(line[name]), ":port"))
			}
		}
	}
	return all.String()
}
