package websocketgate_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// rejection is a request that the gate, or Caddy before the gate, rejects.
type rejection struct {
	name, raw string
	status    int
	outcome   string // "" if the request ends before the gate
	why       string
}

// checkRejections checks that each request gets its status and outcome and does not reach the application.
func checkRejections(t *testing.T, rejections []rejection) {
	t.Helper()
	site, app := testsite.StartGate(t, "")
	for _, c := range rejections {
		before := len(site.Logs.With("WSREJECT"))
		response := testsite.Exchange(t, site.Addr, c.raw)
		if response.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d (%s)", c.name, response.StatusCode, c.status, c.why)
		}
		body, _ := io.ReadAll(response.Body)
		for _, key := range []string{testsite.GoodKey, testsite.OtherKey} {
			if strings.Contains(string(body)+fmt.Sprint(response.Header), key) {
				t.Errorf("%s: the response contains a key", c.name)
			}
		}
		if seen := app.Seen(); len(seen) > 0 {
			t.Errorf("%s: the application saw %s %s (%s)", c.name, seen[0].Method, seen[0].URL, c.why)
		}
		rejected := site.Logs.With("WSREJECT")[before:]
		switch {
		case c.outcome == "" && len(rejected) > 0:
			t.Errorf("%s: logged as %v, want it to end before the gate", c.name, rejected[0]["outcome"])
		case c.outcome != "" && (len(rejected) != 1 || rejected[0]["outcome"] != c.outcome):
			t.Errorf("%s: logged %v, want outcome %s (%s)", c.name, rejected, c.outcome, c.why)
		}
		checkRejectionHeaders(t, c, response)
	}
	if logs := testsite.LogWithoutProxy(site.Logs); strings.Contains(logs, testsite.GoodKey) || strings.Contains(logs, testsite.OtherKey) {
		t.Error("the logs contain a key")
	}
}

// checkRejectionHeaders checks the header fields that belong to the status.
func checkRejectionHeaders(t *testing.T, c rejection, response *http.Response) {
	t.Helper()
	if c.outcome == "" {
		return
	}
	header := response.Header
	switch {
	case response.StatusCode == 401 && header.Get("WWW-Authenticate") == "":
		t.Errorf("%s: 401 without WWW-Authenticate", c.name)
	case response.StatusCode == 405 && header.Get("Allow") != "GET":
		t.Errorf("%s: 405 with Allow %q", c.name, header.Get("Allow"))
	case response.StatusCode == 426 && header.Get("Upgrade") != "websocket":
		t.Errorf("%s: 426 without Upgrade: websocket", c.name)
	case response.StatusCode == 426 && c.outcome == "malformed" && header.Get("Sec-WebSocket-Version") != "13":
		t.Errorf("%s: 426 without Sec-WebSocket-Version: 13", c.name)
	case header.Get("Cache-Control") != "no-store":
		t.Errorf("%s: Cache-Control %q", c.name, header.Get("Cache-Control"))
	case c.outcome != "not_websocket" && !response.Close:
		t.Errorf("%s: the connection stays open; the bytes that follow could be read as a request", c.name)
	}
}
