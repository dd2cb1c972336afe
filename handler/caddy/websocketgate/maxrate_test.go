package websocketgate_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/websocket/sockets"
	"github.com/scan2food/usher/internal/testsite"
)

// exceeded returns how often max_rate was in effect on a route.
func exceeded(t *testing.T, route, action string) float64 {
	t.Helper()
	return counted(t, websocketgate.RateExceeded.WithLabelValues(route, action))
}

// message is a masked message with a mask of zeros, which the application sends back.
const message = "\x81\x85\x00\x00\x00\x00hello"

// max_rate is in force over every HTTP version, before a tunnel as before reverse_proxy.
func TestMaxRate(t *testing.T) {
	backends := map[string]string{
		"tunnel": "websocket_tunnel %s", "portable": "websocket_tunnel %s {\nportable_reads\n}", "proxy": "reverse_proxy %s",
	}
	overHTTP1 := func(_ *testing.T, site *testsite.Site) testsite.Opener {
		return func(t *testing.T, target, _ string, _ http.Header) *testsite.Stream {
			conn, response := testsite.ExchangeOpen(t, site.Addr, testsite.Get(target, testsite.Upgrade))
			status := response.StatusCode
			if status == http.StatusSwitchingProtocols {
				status = http.StatusOK
			}
			return &testsite.Stream{Status: status, ReadWriter: conn, Close: func() { conn.Close() }}
		}
	}
	testsite.WithExtendedConnect(t, func() {
		for backend, directive := range backends {
			for version, over := range map[string]func(*testing.T, *testsite.Site) testsite.Opener{
				"1": overHTTP1, "2": testsite.OverHTTP2, "3": testsite.OverHTTP3,
			} {
				t.Run(backend+" over HTTP/"+version, func(t *testing.T) {
					t.Parallel()
					slow, closed := "slow-"+backend+version, "close-"+backend+version
					app := testsite.StartApplication(t)
					site := testsite.Start(t, fmt.Sprintf(`http://localhost
						websocket_gate {
							route %s /ws/slow/ {
								public
								max_rate 3/1h 1MiB/1h
							}
							route %s /ws/close/ {
								public
								max_rate 3/1h close
							}
						}
						`, slow, closed)+fmt.Sprintf(directive, app.Addr))
					open := over(t, site)
					isSlowed(t, open(t, "/ws/slow/", "websocket", nil), slow)
					isClosed(t, open(t, "/ws/close/", "websocket", nil), site, closed)
				})
			}
		}
	})
}

// isSlowed sends more than the route allows. The surplus waits, and never reaches the application.
func isSlowed(t *testing.T, s *testsite.Stream, route string) {
	t.Helper()
	defer s.Close()
	sends(t, s, 20)
	reads(t, s, 3)
	testsite.Eventually(t, "the client is slowed", func() bool { return exceeded(t, route, "slowed") > 0 })
	closing := socketlog.Registry().CloseWhere(func(info sockets.Info) bool { return info.Route == route }, 4401, "enough")
	if got, _ := io.ReadAll(s); closing != 1 || !bytes.HasPrefix(got, []byte("\x88\x08\x11\x31enough")) {
		t.Errorf("%d closing, then the client read %q, want only a Close frame", closing, got)
	}
	if n := exceeded(t, route, "slowed"); n != 1 {
		t.Errorf("the client was slowed %v times, want once", n)
	}
}

// isClosed sends more than the route allows, of which the application gets the first messages.
func isClosed(t *testing.T, s *testsite.Stream, site *testsite.Site, route string) {
	t.Helper()
	defer s.Close()
	sends(t, s, 3)
	reads(t, s, 3)
	sends(t, s, 1)
	if got, _ := io.ReadAll(s); !bytes.HasPrefix(got, []byte("\x88\x13\x03\xf0too many messages")) {
		t.Errorf("the client read %q, want a Close frame with 1008", got)
	}
	s.Close()
	testsite.Eventually(t, "the end with its reason in the log", func() bool {
		for _, line := range site.Logs.Ended() {
			if line["route"] == route && line["reason"] == "too many messages" && line["close_code"] == 1008.0 && line["closed_by"] == "gate" {
				return true
			}
		}
		return false
	})
	if n := exceeded(t, route, "closed"); n != 1 {
		t.Errorf("counted %v times, want once", n)
	}
}

func sends(t *testing.T, s *testsite.Stream, messages int) {
	t.Helper()
	if _, err := io.WriteString(s, strings.Repeat(message, messages)); err != nil || s.Status != http.StatusOK {
		t.Fatalf("%d, %v, want an open socket", s.Status, err)
	}
}

func reads(t *testing.T, s *testsite.Stream, messages int) {
	t.Helper()
	echo := make([]byte, len(message)*messages)
	if n, err := io.ReadFull(s, echo); err != nil || string(echo) != strings.Repeat(message, messages) {
		t.Fatalf("the client read %q, %v, want %d messages", echo[:n], err, messages)
	}
}

// Messages in plain requests are not limited. A WARN says so.
func TestMaxRateOfPlainHTTP(t *testing.T) {
	for options, want := range map[string]int{"plain_http pass": 1, "plain_http refuse": 0, "": 0} {
		site := testsite.Start(t, routeSite("127.0.0.1:1", "public\nmax_rate 5/1s\n"+options))
		if got := site.Logs.With("max_rate does not limit plain HTTP requests"); len(got) != want {
			t.Errorf("%q: %d warnings, want %d", options, len(got), want)
		}
	}
}
