package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"
)

const deployedPage = `<!DOCTYPE html><title>deploys</title><script type="module">
import { UsherSocket, nextGeneration, pageGeneration } from "/static/usher-socket.js";
const count = (name) => sessionStorage.setItem(name, 1 + Number(sessionStorage.getItem(name) ?? 0));
count("loads");
globalThis.generation = pageGeneration();
globalThis.socket = new UsherSocket("/ws/chat/?key=e2e-chat-0123456789", { minDelay: 50, maxDelay: 50 });
for (const type of ["open", "outdated", "refused"]) socket.addEventListener(type, () => count(type));
nextGeneration({ every: 500 }).then((next) => sessionStorage.setItem("next", next));
</script>`

// TestDeployReloadsThePageOnce deploys while a page is open. The page finds out about the deploy and keeps its socket. When it
// loses the socket, the next one is closed with 4408, and the page reloads once. The socket of the new page opens.
func TestDeployReloadsThePageOnce(t *testing.T) {
	need(t, "chromium")
	application := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/ws/") {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(deployedPage))
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		_, _, _ = conn.Read(r.Context()) // any message ends the connection
		_ = conn.CloseNow()
	}))
	t.Cleanup(application.Close)
	static := t.TempDir()
	client, err := os.ReadFile("../examples/client/usher-socket.js")
	if err != nil {
		t.Fatal(err)
	}
	deploy := func(release string) {
		for name, content := range map[string]string{"usher-socket.js": string(client), "release.js": release} {
			if err := os.WriteFile(filepath.Join(static, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	deploy("1")
	url := startUsherWith(t, fmt.Sprintf(`
	websocket_gate {
		route chat /ws/chat/ {
			key e2e-chat-0123456789
			min_generation current
		}
		reject close
	}
	versioned_assets {
		serve /static/ %s
		stamp html
	}
	reverse_proxy %s`, static, strings.TrimPrefix(application.URL, "http://"))).url
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	counted := func(name string) string {
		return script[string](t, ctx, `return String(sessionStorage.getItem("`+name+`") ?? 0)`)
	}
	waitFor(t, "the socket open", func() bool { return counted("open") == "1" })
	first := script[string](t, ctx, `return generation`)
	deploy("2")
	waitFor(t, "the page finds the new generation", func() bool { return counted("next") != "0" })
	if counted("loads") != "1" {
		t.Error("the page was loaded again while its socket was open")
	}
	script[bool](t, ctx, `return socket.send("drop")`)
	waitFor(t, "the page loaded again, and its socket open", func() bool { return counted("loads") == "2" && counted("open") == "3" })
	second := script[string](t, ctx, `return generation`)
	if first == "" || second != counted("next") || second == first {
		t.Errorf("generations %q and %q, want the second page to have %q, which the first one found", first, second, counted("next"))
	}
	// The new page has no newer generation to load, also after two more checks.
	waitFor(t, "two more checks for a new generation", func() bool {
		return script[int](t, ctx, `return performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/usher/generation")).length`) >= 2
	})
	// The first page opened two sockets. The second one was closed with 4408.
	for name, want := range map[string]string{"loads": "2", "open": "3", "outdated": "1", "refused": "0"} {
		if got := counted(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
