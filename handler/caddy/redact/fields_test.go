package redact_test

import (
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// Fields that other handlers add to access lines keep their type and lose the key.
func TestRedactedLinesHaveExtraFields(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, `
		http://localhost
		log
		log_append text "as it is"
		log_append who {http.websocket_gate.key}
		log_append status {http.reverse_proxy.status_code}
		log_append where {http.request.uri}
		log_append request {http.request.uuid}
		vars number 7
		log_append number number
		log_append <early {http.request.method}
		websocket_gate {
			route a /ws/a/ {
				key `+testsite.GoodKey+` a-2026
			}
		}
		@levelled header X-Level *
		vars @levelled log_level fatal
		@dead header X-Dead *
		@wrong header X-Wrong *
		error @wrong "no {query.key}" 500
		reverse_proxy @dead 127.0.0.1:1
		reverse_proxy `+app.Addr+`
		handle_errors {
			respond "later" 503
		}`)
	for _, headers := range []string{"", "X-Level: 1\r\n"} {
		testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+headers))
	}
	testsite.Eventually(t, "two access lines", func() bool { return len(site.Logs.With("handled request")) == 2 })
	for _, line := range site.Logs.With("handled request") {
		for name, want := range map[string]any{
			"text": "as it is", "who": "a-2026", "status": 101.0, "where": "/ws/a/?key=REDACTED", "number": 7.0, "early": "GET", "level": "info",
		} {
			if line[name] != want {
				t.Errorf("%s is %v, want %v", name, line[name], want)
			}
		}
		if id, _ := line["uuid"].(string); len(id) != 36 {
			t.Errorf("uuid is %v, want what the placeholder added", line["uuid"])
		}
	}
	testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Dead: 1\r\n"))
	testsite.Eventually(t, "the line of an error", func() bool { return len(site.Logs.With("handled request")) == 3 })
	if line := site.Logs.With("handled request")[2]; line["level"] != "error" || line["who"] != "a-2026" {
		t.Errorf("the line of an error is %v", line)
	}
	testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade+"X-Wrong: 1\r\n"))
	if lines := site.Logs.With("no REDACTED"); len(lines) != 1 || lines[0]["logger"] != "http.log.error" {
		t.Errorf("the lines of an error with the key are %v", lines)
	}
	if lines := testsite.LogWithoutProxy(site.Logs); strings.Contains(lines, testsite.GoodKey) {
		t.Errorf("the log shows the key: %s", lines)
	}
}
