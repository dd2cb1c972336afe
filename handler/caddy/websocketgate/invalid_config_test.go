package websocketgate_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// Suspicious configurations load, since they may be intended. The log gives the reason why no socket opens.
func TestRejectionsNameTheMistake(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	gateOf := func(route string) string {
		return fmt.Sprintf("websocket_gate {\n\troute %s /ws/%s/ {\n\t\tkey %s\n\t}\n}\n", route, route, testsite.GoodKey)
	}
	for _, c := range []struct {
		name, words string
		status      int
		outcomes    []string
		reason      string
	}{
		{"nothing behind the gate", gateOf("a"), http.StatusBadGateway, []string{"upstream_failed"}, "no handler responded to the handshake"},
		{
			"two gates", gateOf("a") + gateOf("b") + "reverse_proxy " + app.Addr, http.StatusForbidden,
			[]string{"unlisted", "upstream_refused"}, "put all routes of a site into one gate",
		},
		{
			"a response behind the gate", gateOf("a") + `respond "down" 503`, http.StatusServiceUnavailable, []string{"upstream_refused"},
			"the application or a later handler rejected the handshake",
		},
		{
			"application down", gateOf("a") + "websocket_tunnel /ws/* 127.0.0.1:1", http.StatusBadGateway, []string{"upstream_failed"},
			"the handshake with the application failed: dialing 127.0.0.1:1: dial tcp",
		},
		{
			"maintenance", gateOf("a") + `error /ws/* "maintenance" 503`, http.StatusServiceUnavailable, []string{"upstream_failed"},
			"a later handler failed: maintenance",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := testsite.Start(t, "http://localhost\n"+c.words)
			response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key="+testsite.GoodKey, testsite.Upgrade))
			if response.StatusCode != c.status {
				t.Errorf("status %d, want %d", response.StatusCode, c.status)
			}
			outcomes := func() (all []string) {
				for _, line := range site.Logs.With("WSREJECT") {
					all = append(all, line["outcome"].(string))
				}
				return all
			}
			testsite.Eventually(t, fmt.Sprint(c.outcomes), func() bool { return slices.Equal(outcomes(), c.outcomes) })
			if reason := site.Logs.With("WSREJECT")[0]["reason"].(string); !strings.Contains(reason, c.reason) || strings.Contains(reason, "{id=") {
				t.Errorf("reason %q, want one of %q", reason, c.reason)
			}
		})
	}
}

// A page without the question mark puts the key into the path. The log line of the rejection does not show the key.
func TestKeyInThePathIsNotLogged(t *testing.T) {
	t.Parallel()
	site, _ := testsite.StartGate(t, "")
	for _, target := range []string{"/ws/a/key=" + testsite.GoodKey, "/ws/b/" + testsite.GoodKey} {
		testsite.Exchange(t, site.Addr, testsite.Get(target, testsite.Upgrade))
	}
	testsite.Eventually(t, "two refusals", func() bool { return len(site.Logs.With("WSREJECT")) == 2 })
	if strings.Contains(testsite.LogWithoutProxy(site.Logs), testsite.GoodKey) {
		t.Errorf("the logs contain a key: %s", testsite.LineWith(site.Logs, testsite.GoodKey))
	}
	if path := site.Logs.With("WSREJECT")[0]["path"]; path != "/ws/a/key=REDACTED" {
		t.Errorf("the path is %v", path)
	}
}
