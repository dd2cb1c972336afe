package versionedassets_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// With `serve /`, sockets that the gate admits reach the application, and all other requests do not.
func TestSocketsBelowWhatIsServed(t *testing.T) {
	t.Parallel()
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(application.Close)
	for _, words := range []string{"", "stamp html"} {
		site := testsite.Start(t, fmt.Sprintf(`
			http://127.0.0.1 http://localhost
			websocket_gate {
				route chat /ws/chat/ {
					key %s
				}
				unlisted pass
			}
			versioned_assets {
				serve / %s
				%s
			}
			reverse_proxy %s
		`, testsite.GoodKey, testsite.WriteTree(t, map[string]string{"main.js": "x", "ws/chat/index.html": "<p>chat"}), words, strings.TrimPrefix(application.URL, "http://")))
		for _, c := range []struct {
			name, path string
			headers    []string
			want       int
		}{
			{"admitted", "/ws/chat/?key=" + testsite.GoodKey, handshake, http.StatusTeapot},
			{"refused", "/ws/chat/", handshake, http.StatusUnauthorized},
			{"another upgrade", "/main.js", []string{"Connection", "Upgrade", "Upgrade", "other"}, http.StatusOK},
			{"unlisted", "/ws/other/", handshake, http.StatusNotFound},
			{"no handshake", "/gone", nil, http.StatusNotFound},
		} {
			if response, body := testsite.Fetch(t, site, "GET", c.path, c.headers...); response.StatusCode != c.want {
				t.Errorf("%s, with %q: %d %s, want %d", c.name, words, response.StatusCode, body, c.want)
			}
		}
		site.Unload()
	}
}
