package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// clientPackages are the client libraries and their servers, by exact version.
var clientPackages = []string{
	"socket.io@4.8.4", "socket.io-client@4.8.4", "graphql-ws@6.4.2", "graphql@16.15.0", "ws@8.23.0", "sockjs@0.3.24", "sockjs-client@1.6.1",
	"mqtt@5.16.0", "paho-mqtt@1.1.0", "aedes@1.2.0", "pusher-js@8.6.0", "laravel-echo@2.5.0",
}

// installClients installs the packages and the site of the clients into a directory.
func installClients(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"server.mjs", "page.html", "Caddyfile"} {
		content, err := os.ReadFile(filepath.Join("testdata/clients", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	npmInstall(t, dir, clientPackages...)
	return dir
}

// retriesStatus are the clients that retry at once, and without end, when a status rejects them. They stop at a close code.
var retriesStatus = map[string]bool{"pusher": true, "echo": true}

// TestClientLibraries opens sockets with libraries of other people in Chromium: each with its key, through a reload, and
// rejected with the key of another route. The Caddyfile is the recipe of the documentation.
func TestClientLibraries(t *testing.T) {
	need(t, "chromium", "node", "npm")
	dir := installClients(t)
	port, application := testsite.FreePort(t), testsite.FreePort(t)
	u := &usher{url: fmt.Sprintf("http://localhost:%d", port)}
	limited := addLimitedSite(t, dir)
	secrets := map[string]string{}
	for _, route := range []string{"socketio", "graphql", "sockjs", "mqtt", "pusher"} {
		secrets[route] = "e2e-" + route + "-key-0123456789"
		u.env = append(u.env, strings.ToUpper(route)+"_KEY="+secrets[route])
	}
	secrets["graphqlpost"], secrets["paho"], secrets["echo"] = secrets["graphql"], secrets["mqtt"], secrets["pusher"]
	u.env = append(u.env, "SITE_ADDRESS="+u.url, fmt.Sprintf("CADDY_ADMIN=127.0.0.1:%d", testsite.FreePort(t)),
		fmt.Sprintf("APPLICATION=127.0.0.1:%d", application), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	startProcess(t, dir, []string{fmt.Sprintf("PORT=%d", application)}, "node", "server.mjs")
	u.process = startProcess(t, dir, u.env, usherBinary(t), "run", "--config", "Caddyfile")
	waitForStatus(t, u.url, http.StatusOK)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(u.url)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page ready", func() bool { return script[bool](t, ctx, `return window.ready === true`) })

	clients := []struct {
		name, client, transports string
		opens                    []string
	}{
		{"socket.io", "socketio", "", []string{"open", "upgraded to websocket"}},
		{"socket.io polling", "socketio", `["polling"]`, []string{"open"}},
		{"socket.io websocket", "socketio", `["websocket"]`, []string{"open"}},
		{"graphql-ws", "graphql", "", []string{"open"}},
		{"graphql by POST", "graphqlpost", "", []string{"open"}},
		{"SockJS", "sockjs", `["websocket"]`, []string{"open"}},
		{"SockJS streaming", "sockjs", `["xhr-streaming"]`, []string{"open"}},
		{"SockJS polling", "sockjs", `["xhr-polling"]`, []string{"open"}},
		{"MQTT.js", "mqtt", "", []string{"open"}},
		{"Paho", "paho", "", []string{"open"}},
		{"pusher-js", "pusher", "", []string{"open"}},
		{"Laravel Echo", "echo", "", []string{"open"}},
	}
	for _, c := range clients {
		if c.transports == "" {
			c.transports = "undefined"
		}
		script[bool](t, ctx, fmt.Sprintf("start(%q, %q, %q, %s); return true", c.name, c.client, secrets[c.client], c.transports))
		if !retriesStatus[c.client] {
			script[bool](t, ctx, fmt.Sprintf("start(%q, %q, %q, %s); return true", c.name+" rejected", c.client, "wrong-key-0123456789", c.transports))
		}
	}
	echoes := func(when string) {
		t.Helper()
		for _, c := range clients {
			if !slices.Equal(eventsOf(t, ctx, c.name), c.opens) {
				t.Errorf("%s: %s: events %q, want %q", when, c.name, eventsOf(t, ctx, c.name), c.opens)
				continue
			}
			text := when + " " + c.name
			if got := script[string](t, ctx, fmt.Sprintf("return await echo[%q](%q)", c.name, text)); got != text {
				t.Errorf("%s: %s: %q came back", when, c.name, got)
			}
		}
	}
	for _, c := range clients {
		waitFor(t, c.name+" open", func() bool { return len(eventsOf(t, ctx, c.name)) >= len(c.opens) })
		if retriesStatus[c.client] {
			continue
		}
		waitFor(t, c.name+" rejected", func() bool { return len(eventsOf(t, ctx, c.name+" rejected")) > 0 })
		if got := eventsOf(t, ctx, c.name+" rejected"); got[0] != "refused" {
			t.Errorf("%s with a wrong key: %q, want refused", c.name, got)
		}
	}
	echoes("before the reload")
	reloadClients(t, dir, u)
	echoes("after the reload")

	checkPahoForPython(t, port, secrets["mqtt"], func() { reloadClients(t, dir, u) })

	if err := chromedp.Do(ctx, chromedp.Navigate(limited)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page ready", func() bool { return script[bool](t, ctx, `return window.ready === true`) })
	for _, client := range []string{"graphql", "pusher", "echo"} {
		checkReturns(t, ctx, client, secrets[client])
	}
	for client := range retriesStatus {
		name := client + " rejected"
		script[bool](t, ctx, fmt.Sprintf("start(%q, %q, %q); return true", name, client, "wrong-key-0123456789"))
		waitFor(t, client+" stopped by 4401", func() bool { return slices.Equal(eventsOf(t, ctx, name), []string{"closed: 4401", "stopped"}) })
	}
}

func reloadClients(t *testing.T, dir string, u *usher) {
	t.Helper()
	reload := exec.Command(usherBinary(t), "reload", "--config", "Caddyfile", "--force")
	reload.Dir, reload.Env = dir, append(os.Environ(), u.env...)
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("caddy reload: %v\n%s", err, out)
	}
}

// checkReturns opens two sockets where there is room for one. 1013 is final for no library: the second opens once there is room.
func checkReturns(t *testing.T, ctx context.Context, client, key string) {
	t.Helper()
	first, second := client+" first", client+" second"
	start := func(name string) {
		script[bool](t, ctx, fmt.Sprintf("start(%q, %q, %q, 9); return true", name, client, key))
	}
	start(first)
	// The sockets of the client before may still count for a moment.
	waitFor(t, first+" open", func() bool { return slices.Contains(eventsOf(t, ctx, first), "open") })
	start(second)
	waitFor(t, second+" closed", func() bool { return slices.Contains(eventsOf(t, ctx, second), "closed: 1013") })
	script[bool](t, ctx, fmt.Sprintf("echo[%q].stop(); return true", first))
	waitFor(t, second+" open", func() bool { return slices.Contains(eventsOf(t, ctx, second), "open") })
	script[bool](t, ctx, fmt.Sprintf("echo[%q].stop(); return true", second))
}

// addLimitedSite adds a site to the Caddyfile that has room for one socket of some routes and rejects by close codes.
func addLimitedSite(t *testing.T, dir string) (url string) {
	t.Helper()
	url = fmt.Sprintf("http://localhost:%d", testsite.FreePort(t))
	name := filepath.Join(dir, "Caddyfile")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, site, _ := strings.Cut(string(content), "\n\n")
	limited := strings.NewReplacer("{$SITE_ADDRESS}", url, "websocket_gate {", "websocket_gate {\nreject close", "{env.GRAPHQL_KEY}", "{env.GRAPHQL_KEY}\nmax_open 1",
		"{env.PUSHER_KEY}", "{env.PUSHER_KEY}\nmax_open 1").Replace(site)
	if err := os.WriteFile(name, append(content, limited...), 0o600); err != nil {
		t.Fatal(err)
	}
	return url
}

func eventsOf(t *testing.T, ctx context.Context, client string) []string {
	t.Helper()
	return script[[]string](t, ctx, fmt.Sprintf("return events[%q]", client))
}
