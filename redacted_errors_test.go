package usher

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The lines of a request that holds a key say what handle_errors made of it, whatever that does with logs.
func TestRedactedErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pages string
		status      int
		body        string
		access      string // logger; "": no line
		failed      string // message of the line of the error, whose level is the next one
		level       string
		why         string
	}{
		{"page", `respond "not there" 502`, 502, "not there", "http.log.access", "dial tcp 127.0.0.1:1: connect: connection refused", "debug",
			"the size is the page's"},
		{"other status", `respond "later" 503`, 503, "later", "http.log.access", "dial tcp 127.0.0.1:1: connect: connection refused", "debug",
			"and so is the status"},
		{"fails", `error "twice" 500`, 502, "", "http.log.access", "error handling handler error", "error", "Caddy answers with the first status"},
		{"log_name", "log_name other\nrespond \"not there\" 502", 502, "not there", "http.log.access.other",
			"dial tcp 127.0.0.1:1: connect: connection refused", "debug", "Caddy would write the line itself"},
		{"log_skip", "log_skip\nrespond \"not there\" 502", 502, "not there", "", "dial tcp 127.0.0.1:1: connect: connection refused", "debug",
			"no access line, as told"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := startSite(t, `
				http://localhost
				log
				websocket_gate {
					route a /ws/a/ {
						key `+goodKey+`
					}
				}
				reverse_proxy 127.0.0.1:1
				handle_errors {
					`+c.pages+`
				}`)
			response := exchange(t, site.Addr, get(keyed, upgrade))
			body, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status || string(body) != c.body {
				t.Errorf("%d %q, want %d %q (%s)", response.StatusCode, body, c.status, c.body, c.why)
			}
			expectAccess(t, site, c.access, c.status, len(c.body))
			lines := site.Logs.With(c.failed)
			if len(lines) != 1 || lines[0]["level"] != c.level || !strings.HasPrefix(lines[0]["logger"].(string), "http.log.error") {
				t.Errorf("lines %q: %v, want one at %s (%s)", c.failed, lines, c.level, c.why)
			}
			if strings.Contains(withoutLiterals(site.Logs), goodKey) {
				t.Errorf("the log shows the key: %s (%s)", site.Logs, c.why)
			}
		})
	}
}

// What the application answers with may hold the key that it was sent.
func TestAnswerShowsNoCredential(t *testing.T) {
	t.Parallel()
	site, app := corpusSite(t, "")
	app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Location", "/elsewhere?key="+goodKey)
		w.Header().Set("X-Other", "as it is")
		w.WriteHeader(http.StatusFound)
		return true
	})
	if response := exchange(t, site.Addr, get(keyed, upgrade)); response.Header.Get("Location") != "/elsewhere?key="+goodKey {
		t.Errorf("the answer is %v", response.Header)
	}
	lines := site.Logs.With("handled request")
	if got := fmt.Sprint(lines); len(lines) != 1 || !strings.Contains(got, "Location:[REDACTED]") || !strings.Contains(got, "X-Other:[as it is]") {
		t.Errorf("the access line is %v", lines)
	}
}

func expectAccess(t *testing.T, site *testSite, logger string, status, size int) {
	t.Helper()
	if logger == "" {
		if lines := site.Logs.With("handled request"); len(lines) != 0 {
			t.Errorf("access lines %v, want none", lines)
		}
		return
	}
	eventually(t, "the access line", func() bool { return len(site.Logs.With("handled request")) > 0 })
	lines := site.Logs.With("handled request")
	if len(lines) != 1 || lines[0]["logger"] != logger || lines[0]["status"] != float64(status) || lines[0]["size"] != float64(size) {
		t.Errorf("access lines %v, want one of %s with status %d and size %d", lines, logger, status, size)
	}
	if request := lines[0]["request"].(map[string]any); request["uri"] != "/ws/a/?key=REDACTED" || request["method"] != http.MethodGet {
		t.Errorf("the access line shows %v", request)
	}
}

// withoutLiterals leaves out the configuration that Caddy writes at DEBUG.
func withoutLiterals(logs *logLines) string {
	var kept strings.Builder
	for line := range strings.SplitSeq(logs.String(), "\n") {
		if !strings.Contains(line, `"adjusted config"`) {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}
