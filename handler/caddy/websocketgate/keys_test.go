package websocketgate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/internal/testsite"
)

const (
	oldKey = "the-old-key-0123456789"
	newKey = "the-new-key-0123456789"
)

func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	next := path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// Removing a key from its file closes the sockets of this key without a reload. An invalid file changes nothing.
func TestKeysFile(t *testing.T) {
	t.Parallel()
	address := testsite.StartEcho(t)
	path := filepath.Join(t.TempDir(), "chat.keys")
	replaceFile(t, path, "old "+oldKey+"\n")
	site := testsite.Start(t, fmt.Sprintf(`
		http://localhost http://127.0.0.1
		websocket_gate {
			route chat /ws/chat/ {
				keys_file %s
			}
		}
		reverse_proxy %s
	`, path, address))
	byOld := testsite.OpenSocket(t, site, oldKey)

	replaceFile(t, path, "old "+oldKey+"\nnew "+newKey+"\n")
	testsite.Eventually(t, "the new key admitted", func() bool {
		return testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+newKey, testsite.Upgrade)).StatusCode == http.StatusSwitchingProtocols
	})
	byNew := testsite.OpenSocket(t, site, newKey)
	if !testsite.StillOpen(t, byOld) {
		t.Fatal("adding a key closed the socket of another")
	}

	replaceFile(t, path, "new short\n")
	testsite.Eventually(t, "the broken file reported", func() bool {
		return len(site.Logs.With("keys file invalid; keeping previous keys")) > 0
	})
	if !testsite.StillOpen(t, byOld) || !testsite.StillOpen(t, byNew) {
		t.Fatal("a broken file closed a socket")
	}
	if bad := gaugeOf(t, "usher_websocket_keys_file_bad", "chat"); bad != 1 {
		t.Errorf("the gauge of a broken file is %v, want 1", bad)
	}

	replaceFile(t, path, "new "+newKey+"\n")
	if code := testsite.CloseCode(t, byOld); code != 4401 {
		t.Errorf("the socket of the removed key: closed with %d, want 4401", code)
	}
	if !testsite.StillOpen(t, byNew) {
		t.Error("the socket of the key that stayed was closed")
	}
	if bad := gaugeOf(t, "usher_websocket_keys_file_bad", "chat"); bad != 0 {
		t.Errorf("the gauge of a valid file is %v, want 0", bad)
	}
	if answer := testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+oldKey, testsite.Upgrade)); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("the old key: %d, want 401", answer.StatusCode)
	}
	for _, secret := range []string{oldKey, newKey} {
		if strings.Contains(testsite.LogWithoutProxy(site.Logs), secret) {
			t.Errorf("a log line holds a key")
		}
	}
}

// gaugeOf returns a gauge of a route as Prometheus reads it.
func gaugeOf(t *testing.T, name, route string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(websocketgate.Gauges)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == name && metric.GetLabel()[0].GetValue() == route {
				return metric.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no gauge %s of route %s", name, route)
	return 0
}

func TestKeysFileMustBeGoodAtStart(t *testing.T) {
	t.Parallel()
	_, err := testsite.Provision(t, `
		http://localhost
		websocket_gate {
			route chat /ws/chat/ {
				keys_file /nonexistent/chat.keys
			}
		}
	`)
	if err == nil || !strings.Contains(err.Error(), "route chat") || !strings.Contains(err.Error(), "chat.keys") {
		t.Errorf("provisioning: %v, want an error that names the route and the file", err)
	}
}

// The error of a keys file names the line of the file's directive. Only the named values of a dotenv file are keys.
func TestDotenvFile(t *testing.T) {
	t.Parallel()
	const django = "the-secret-of-the-sessions-0123"
	path := filepath.Join(t.TempDir(), ".env")
	replaceFile(t, path, "DEBUG=0\nDJANGO_SECRET_KEY='"+django+"'\nCHAT_KEY="+oldKey+"\n")
	config := func(names string) string {
		return fmt.Sprintf("http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey %s\nkeys_file %s %s\n}\n}\nrespond 204", newKey, path, names)
	}
	for names, want := range map[string]string{
		"":                 "line 1: want label secret; for a dotenv file, write the names",
		"CHAT_KEY OLD_KEY": "no line OLD_KEY=value",
	} {
		_, err := testsite.Provision(t, config(names))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "at Caddyfile:5") {
			t.Errorf("names %q: %v, want %q and the line of keys_file", names, err, want)
		}
	}
	site := testsite.Start(t, config("CHAT_KEY"))
	for key, status := range map[string]int{oldKey: 204, django: 401} {
		if got := testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key="+key, testsite.Upgrade)).StatusCode; got != status {
			t.Errorf("status %d, want %d", got, status)
		}
	}
}

// In JSON, a keys file may be its path alone.
func TestKeysFileJSON(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want websocketgate.KeysFile
		ok   bool
	}{
		{`"/a"`, websocketgate.KeysFile{Path: "/a"}, true},
		{`{"path":"/a","names":["B"]}`, websocketgate.KeysFile{Path: "/a", Names: []string{"B"}}, true},
		{`{"path":"/a","name":["B"]}`, websocketgate.KeysFile{}, false},
		{`7`, websocketgate.KeysFile{}, false},
	} {
		var got websocketgate.KeysFile
		err := json.Unmarshal([]byte(c.text), &got)
		if (err == nil) != c.ok || c.ok && (got.Path != c.want.Path || !slices.Equal(got.Names, c.want.Names)) {
			t.Errorf("%s = %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

// A key that moves from one keys file of a route to another stays valid, in either order of the reads.
func TestKeyMovesBetweenFiles(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"source", "target"} {
		app := testsite.StartApplication(t)
		source, target := filepath.Join(t.TempDir(), "source.keys"), filepath.Join(t.TempDir(), "target.keys")
		replaceFile(t, source, "moved "+oldKey+"\nstays a-key-that-stays-0123456789\n")
		replaceFile(t, target, "other "+newKey+"\n")
		site := testsite.Start(t, fmt.Sprintf(`
			http://localhost
			websocket_gate {
				route a /ws/a/ {
					keys_file %s
					keys_file %s
				}
			}
			reverse_proxy %s
		`, source, target, app.Addr))
		moves := map[string]func(){
			"source": func() { replaceFile(t, source, "stays a-key-that-stays-0123456789\n") },
			"target": func() { replaceFile(t, target, "other "+newKey+"\nmoved "+oldKey+"\n") },
		}
		moves[first]()
		delete(moves, first)
		if first == "target" {
			testsite.Eventually(t, "the conflict", func() bool {
				return strings.Contains(site.Logs.String(), "are the same secret")
			})
		} else {
			testsite.Eventually(t, "the key gone", func() bool {
				return testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key="+oldKey, testsite.Upgrade)).StatusCode == 401
			})
		}
		for _, move := range moves {
			move()
		}
		testsite.Eventually(t, "the moved key", func() bool {
			return strings.Count(site.Logs.String(), `keys`) > 0 &&
				testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key="+oldKey, testsite.Upgrade)).StatusCode == 101
		})
		for _, key := range []string{newKey, "a-key-that-stays-0123456789"} {
			if response := testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key="+key, testsite.Upgrade)); response.StatusCode != 101 {
				t.Errorf("%s first: status %d for another key, want 101", first, response.StatusCode)
			}
		}
	}
}
