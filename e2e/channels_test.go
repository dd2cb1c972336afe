package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// channelsPage opens sockets of the browser and of usher-socket.js, and records their events.
const channelsPage = `
const { UsherSocket } = await import(URL.createObjectURL(new Blob([%q], { type: "text/javascript" })));
window.events = {}, window.sockets = {};
for (const [kind, Socket] of [["plain", WebSocket], ["usher", UsherSocket]])
  for (const [name, key] of [["open", %q], ["refused", "a-wrong-key-0123456789"]]) {
    const id = kind + " " + name, socket = sockets[id] = new Socket(location.origin.replace("http", "ws") + "/ws/chat/?key=" + key);
    events[id] = [];
    socket.addEventListener("open", () => events[id].push("open"));
    socket.addEventListener("close", ({ code }) => events[id].push("close " + code));
    socket.addEventListener("refused", ({ detail }) => events[id].push("refused " + detail.code));
    socket.addEventListener("message", ({ data }) => { const { echo } = JSON.parse(data); if (echo) events[id].push(echo); });
  }
return true`

// Channels behind Daphne, with the browser's own sockets and with usher-socket.js: with a key, through a reload, and rejected.
func TestChannelsInChromium(t *testing.T) {
	need(t, "gunicorn", "chromium")
	site := startDjango(t)
	caddy := startUsher(t, site, testsite.FreePort(t))
	source, err := os.ReadFile("../examples/client/usher-socket.js")
	if err != nil {
		t.Fatal(err)
	}
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(caddy.url+"/health/")); err != nil {
		t.Fatal(err)
	}
	script[bool](t, ctx, fmt.Sprintf(channelsPage, source, keys["chat"]))
	expect := func(name string, want ...string) {
		t.Helper()
		waitFor(t, fmt.Sprintf("%s: %q", name, want), func() bool { return slices.Equal(eventsOf(t, ctx, name), want) })
	}
	expect("plain open", "open")
	expect("usher open", "open")
	expect("plain refused", "open", "close 4401")
	expect("usher refused", "open", "close 4401", "refused 4401")
	for _, when := range []string{"before", "after"} {
		for _, name := range []string{"plain open", "usher open"} {
			script[bool](t, ctx, fmt.Sprintf("sockets[%q].send(JSON.stringify(%q)); return true", name, when))
		}
		if when == "before" {
			expect("plain open", "open", "before")
			expect("usher open", "open", "before")
			caddy.reload(t)
		}
	}
	expect("plain open", "open", "before", "after")
	expect("usher open", "open", "before", "after")
	expect("usher refused", "open", "close 4401", "refused 4401")
}
