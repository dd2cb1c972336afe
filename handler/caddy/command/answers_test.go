//go:build unix

package command_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/operate/report"
)

// answering starts an admin API that gives each endpoint one answer.
func answering(t *testing.T, answers map[string]any) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, known := answers[strings.TrimPrefix(r.URL.Path, "/usher/")]
		if !known {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestAssetsListsStaleVersionsAndUnversionedChildren(t *testing.T) {
	admin := answering(t, map[string]any{"assets": []report.Assets{{
		Prefix: "/static/", Ready: true, StaleTotal: 7, UnversionedTotal: 1,
		Stale: []report.StaleVersion{
			{URL: "/static/main.js?v=20260211", Page: "/live/\x1b[2J", Since: time.Now().Add(-time.Hour)},
			{URL: "/static/chunk.0123abcd.js", Since: time.Now(), Why: "half an upload"},
		},
		Unversioned: []report.UnversionedChild{{Script: "/static/main.js", Asset: "/static/worker.js", How: "starts"}},
	}}})
	out, _, err := run("", "assets", "--address", admin)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/static/main.js?v=20260211", "1h0m0s ago", "half an upload", "5 more", "/static/worker.js", "starts it"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("a command for the terminal is printed: %q", out)
	}
}
