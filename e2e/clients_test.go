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
)

// clientPackages are the client libraries and their servers, by exact version.
var clientPackages = []string{
	"socket.io@4.8.4", "socket.io-client@4.8.4", "graphql-ws@6.4.2", "graphql@16.15.0", "ws@8.23.0", "sockjs@0.3.24", "sockjs-client@1.6.1",
	"mqtt@5.16.0", "paho-mqtt@1.1.0", "aedes@1.2.0",
}

// installClients installs the packages into a directory. The test is skipped if Node or the registry is not there.
func installClients(t *testing.T) (dir string) {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
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
	install := exec.Command("npm", append([]string{"install", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"}, clientPackages...)...)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		for _, unreachable := range []string{"ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH"} {
			if strings.Contains(string(out), unreachable) {
				t.Skipf("needs the npm registry: %s", out)
			}
		}
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	return dir
}

// TestClientLibraries opens sockets with libraries of other people in Chromium: each with its key, through a reload, and
// rejected with the key of another route. The Caddyfile is the recipe of the documentation.
func TestClientLibraries(t *testing.T) {
	need(t, "chromium")
	dir := installClients(t)
	port, application := freePort(t), freePort(t)
	u := &usher{url: fmt.Sprintf("http://localhost:%d", port)}
	limited := addLimitedSite(t, dir)
	secrets := map[string]string{}
	for _, route := range []string{"socketio", "graphql", "sockjs", "mqtt"} {
		secrets[route] = "e2e-" + route + "-key-0123456789"
		u.env = append(u.env, strings.ToUpper(route)+"_KEY="+secrets[route])
	}
	secrets["graphqlpost"], secrets["paho"] = secrets["graphql"], secrets["mqtt"]
	u.env = append(u.env, "SITE_ADDRESS="+u.url, fmt.Sprintf("CADDY_ADMIN=127.0.0.1:%d", freePort(t)),
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
	}
	for _, c := range clients {
		if c.transports == "" {
			c.transports = "undefined"
		}
		for name, key := range map[string]string{c.name: secrets[c.client], c.name + " rejected": "wrong-key-0123456789"} {
			script[bool](t, ctx, fmt.Sprintf("start(%q, %q, %q, %s); return true", name, c.client, key, c.transports))
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
		waitFor(t, c.name+" rejected", func() bool { return len(eventsOf(t, ctx, c.name+" rejected")) > 0 })
		if got := eventsOf(t, ctx, c.name+" rejected"); got[0] != "refused" {
			t.Errorf("%s with a wrong key: %q, want refused", c.name, got)
		}
	}
	echoes("before the reload")
	reload := exec.Command(usherBinary(t), "reload", "--config", "Caddyfile", "--force")
	reload.Dir, reload.Env = dir, append(os.Environ(), u.env...)
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("caddy reload: %v\n%s", err, out)
	}
	echoes("after the reload")

	// 1013 is final for no library. The next attempt opens once there is room.
	if err := chromedp.Do(ctx, chromedp.Navigate(limited)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the page ready", func() bool { return script[bool](t, ctx, `return window.ready === true`) })
	start := func(name string) {
		script[bool](t, ctx, fmt.Sprintf("start(%q, \"graphql\", %q, 9); return true", name, secrets["graphql"]))
	}
	start("first")
	waitFor(t, "the first socket open", func() bool { return slices.Equal(eventsOf(t, ctx, "first"), []string{"open"}) })
	start("second")
	waitFor(t, "the second socket closed", func() bool { return slices.Contains(eventsOf(t, ctx, "second"), "closed: 1013") })
	script[bool](t, ctx, `echo.first.stop(); return true`)
	waitFor(t, "the second socket open", func() bool { return slices.Contains(eventsOf(t, ctx, "second"), "open") })
}

// addLimitedSite adds a site to the Caddyfile that has room for one socket of a route and rejects by close codes.
func addLimitedSite(t *testing.T, dir string) (url string) {
	t.Helper()
	url = fmt.Sprintf("http://localhost:%d", freePort(t))
	name := filepath.Join(dir, "Caddyfile")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, site, _ := strings.Cut(string(content), "\n\n")
	limited := strings.NewReplacer("{$SITE_ADDRESS}", url, "websocket_gate {", "websocket_gate {\nreject close", "{env.GRAPHQL_KEY}", "{env.GRAPHQL_KEY}\nmax_open 1").Replace(site)
	if err := os.WriteFile(name, append(content, limited...), 0o600); err != nil {
		t.Fatal(err)
	}
	return url
}

func eventsOf(t *testing.T, ctx context.Context, client string) []string {
	t.Helper()
	return script[[]string](t, ctx, fmt.Sprintf("return events[%q]", client))
}
