package websocketgate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// All lines of a socket have its host and the same ID. Lines of a handshake have the path without a key.
func TestSocketLines(t *testing.T) {
	t.Parallel()
	app := testsite.StartApplication(t)
	site := testsite.Start(t, `
		http://
		websocket_gate {
			route a /ws/a/* {
				key `+testsite.GoodKey+`
			}
		}
		reverse_proxy `+app.Addr)
	for i, host := range []string{"a.example", "b.example"} {
		raw := testsite.Get("/ws/a/room/"+testsite.GoodKey+"?key="+testsite.GoodKey, testsite.Upgrade)
		if response := testsite.Exchange(t, site.Addr, strings.Replace(raw, "Host: localhost", "Host: "+host, 1)); response.StatusCode != 101 {
			t.Fatalf("%s: %s", host, response.Status)
		}
		testsite.Eventually(t, "the line of the socket", func() bool { return len(site.Logs.With("WSCONNECT")) == i+1 })
		testsite.Exchange(t, site.Addr, strings.Replace(strings.Replace(raw, "?key=", "?key=x", 1), "Host: localhost", "Host: "+host, 1))
	}
	ids := map[string]bool{}
	for i, host := range []string{"a.example", "b.example"} {
		opened, rejected := site.Logs.With("WSCONNECT")[i], site.Logs.With("WSREJECT")[i]
		for _, line := range []map[string]any{opened, rejected} {
			if line["host"] != host || line["path"] != "/ws/a/room/REDACTED" {
				t.Errorf("%v: host %v, path %v, want %s and /ws/a/room/REDACTED", line["msg"], line["host"], line["path"], host)
			}
		}
		if rejected["id"] != 0.0 || opened["id"] == 0.0 {
			t.Errorf("WSCONNECT has ID %v, WSREJECT %v", opened["id"], rejected["id"])
		}
		ids[fmt.Sprint(opened["id"])] = true
	}
	testsite.Eventually(t, "the ends of both sockets, with their host", func() bool {
		for _, ended := range site.Logs.Ended() {
			if ended["host"] != nil {
				delete(ids, fmt.Sprint(ended["id"]))
			}
		}
		return len(ids) == 0
	})
}
