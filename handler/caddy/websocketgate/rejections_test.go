package websocketgate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// A script gets the code and the reason of the outcome. The application gets no request.
func TestRejectClose(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route chat /ws/chat/ {
				key %s
				max_open 1
			}
			reject auto
		}
		reverse_proxy %s
	`, newKey, app.Addr))
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	browser := &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {site.URL}}, Subprotocols: []string{"chat.v2"}}
	dial := func(query string, options *websocket.DialOptions) (code websocket.StatusCode, reason string) {
		t.Helper()
		conn, response, err := websocket.Dial(ctx, strings.Replace(site.URL, "http", "ws", 1)+"/ws/chat/"+query, options)
		if err != nil {
			return websocket.StatusCode(response.StatusCode), ""
		}
		defer func() { _ = conn.CloseNow() }()
		_, _, err = conn.Read(ctx)
		var closed websocket.CloseError
		if !errors.As(err, &closed) {
			t.Errorf("%s: %v, want a Close frame", query, err)
		}
		return closed.Code, closed.Reason
	}
	if code, reason := dial("", browser); code != 4401 || !strings.HasPrefix(reason, "key_missing: ") {
		t.Errorf("browser without a key: %d %q", code, reason)
	}
	if code, reason := dial("?key=some-wrong-key-0123", browser); code != 4401 || !strings.HasPrefix(reason, "key_unknown: ") {
		t.Errorf("browser with a wrong key: %d %q", code, reason)
	}
	if code, _ := dial("", nil); code != http.StatusUnauthorized {
		t.Errorf("client without Origin: %d, want 401", code)
	}
	if seen := app.Seen(); len(seen) > 0 {
		t.Errorf("the application got %d rejected handshakes", len(seen))
	}
	testsite.OpenSocket(t, site, newKey)
	if code, reason := dial("?key="+newKey, browser); code != 1013 || reason != "too_many: retry after 10 s" {
		t.Errorf("one too many: %d %q", code, reason)
	}
	// The line is written after the closing handshake, which the browser does not wait for.
	testsite.Eventually(t, "a WSREJECT line of the closing", func() bool {
		return slices.ContainsFunc(site.Logs.With("WSREJECT"), func(line map[string]any) bool {
			return line["close_code"] == float64(4401) && line["outcome"] == "key_missing"
		})
	})
}

// A route becomes dark without a further request and is reported once. The next accepted handshake ends the outage.
func TestDarkAfter(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route dark_chat /ws/chat/ {
				key %s
			}
			dark_after 3 1s
		}
		reverse_proxy %s
	`, newKey, app.Addr))
	count := func(outcome gate.Outcome) float64 {
		return counterValue(t, "usher_websocket_handshakes_total", map[string]string{"route": "dark_chat", "outcome": string(outcome)})
	}
	missing, accepted := count(gate.KeyMissing), count(gate.Accepted)
	for range 3 {
		testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/", testsite.Upgrade))
	}
	line := func(level, part string) bool {
		for _, text := range strings.Split(site.Logs.String(), "\n") {
			if strings.Contains(text, `"level":"`+level+`"`) && strings.Contains(text, part) {
				return true
			}
		}
		return false
	}
	testsite.Eventually(t, "the route reported as dark", func() bool {
		return line("error", "dark_chat: 3 refusals and no accepted handshake for") && line("error", "100% key_missing")
	})
	if problems := strings.Count(site.Logs.String(), "no accepted handshake"); problems != 1 {
		t.Errorf("reported %d times, want once", problems)
	}
	if strings.Contains(site.Logs.String(), "last_accepted") {
		t.Error("logged a time of the last accepted handshake, and there was none")
	}
	testsite.Eventually(t, "the event", func() bool { return strings.Contains(site.Logs.String(), "websocket_route_dark") })
	if got := count(gate.KeyMissing) - missing; got != 3 {
		t.Errorf("counted %v rejections, want 3", got)
	}
	testsite.OpenSocket(t, site, newKey)
	testsite.Eventually(t, "the route lit again", func() bool { return line("info", "dark_chat: a handshake was accepted again") })
	if got := count(gate.Accepted) - accepted; got != 1 {
		t.Errorf("counted %v accepted handshakes, want 1", got)
	}
}

// counterValue returns the sum of the counters or gauges of the socket metrics that have the labels.
func counterValue(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	for _, collector := range socketlog.Collectors() {
		registry.MustRegister(collector)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			matching := 0
			for _, pair := range metric.GetLabel() {
				if want, asked := labels[pair.GetName()]; asked && want == pair.GetValue() {
					matching++
				}
			}
			if family.GetName() == name && matching == len(labels) {
				sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}
