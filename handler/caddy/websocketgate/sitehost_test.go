package websocketgate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/internal/testsite"
)

// The label host has the configured hosts, and the gauge of open sockets has the key. A client cannot choose a label: another
// spelling of a host, or a host that a wildcard matches, counts for the configured host. Sums by route are unchanged.
func TestMetricsByHost(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	guarded := func(route string) string {
		return fmt.Sprintf("websocket_gate {\nroute %s /ws/ {\nkey %s first\nkey %s second\n}\n}\nreverse_proxy %s\n", route, oldKey, newKey, app.Addr)
	}
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf("http://h%d.example", i)
	}
	for _, c := range []struct {
		name, site string
		hosts      map[string]string // the Host of a request, and the label
		why        string
	}{
		{"one", "http://one.example {\n%s}", map[string]string{"one.example": ""}, "one host"},
		{"every", "http:// {\n%s}", map[string]string{"client.example": ""}, "the client chooses the host"},
		{"two", "http://a.example http://b.example {\n%s}", map[string]string{"a.example": "a.example", "B.Example:80": "b.example"}, "the configured spelling"},
		{"wild", "http://a.example http://*.b.example {\n%s}", map[string]string{"x.b.example": "*.b.example", "y.b.example": "*.b.example"}, "a wildcard is one value"},
		{"handle", "http://*.example {\n@a host a.example\nhandle @a {\n%s}\n}", map[string]string{"a.example": "a.example"}, "another block may have the same route"},
		{"many", strings.Join(many, " ") + " {\n%s}", map[string]string{"h7.example": ""}, "too many series"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			route := fmt.Sprintf("metrics_%s_%d", c.name, time.Now().UnixNano()) // the counters belong to the process
			site := testsite.Start(t, fmt.Sprintf(c.site, guarded(route)))
			labelled := make(map[string]int) // sockets by label
			for host, label := range c.hosts {
				ask := func(query string) string {
					return strings.Replace(testsite.Get("/ws/?"+query, testsite.Upgrade), "Host: localhost", "Host: "+host, 1)
				}
				conn, response := testsite.ExchangeOpen(t, site.Addr, ask("key="+newKey))
				if response.StatusCode != 101 {
					t.Fatalf("%s: %d, want 101", host, response.StatusCode)
				}
				defer conn.Close()
				if got := testsite.Exchange(t, site.Addr, ask("key=wrong-key-0123456789")).StatusCode; got != 401 {
					t.Fatalf("%s: %d, want 401", host, got)
				}
				labelled[label]++
			}
			testsite.Eventually(t, "the sum by route", func() bool {
				return counterValue(t, "usher_websocket_open", map[string]string{"route": route}) == float64(len(c.hosts))
			})
			for label, want := range labelled {
				labels := map[string]string{"route": route, "host": label}
				for _, outcome := range []gate.Outcome{gate.Accepted, gate.KeyUnknown} {
					labels["outcome"] = string(outcome)
					if got := counterValue(t, "usher_websocket_handshakes_total", labels); got != float64(want) {
						t.Errorf("%s on %q: %v, want %d (%s)", outcome, label, got, want, c.why)
					}
				}
				delete(labels, "outcome")
				labels["key"] = "second"
				if got := counterValue(t, "usher_websocket_open", labels); got != float64(want) {
					t.Errorf("%v open with the key on %q, want %d (%s)", got, label, want, c.why)
				}
			}
		})
	}
}
