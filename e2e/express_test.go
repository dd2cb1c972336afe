package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
)

// Passport's logout closes the sockets of its session: with strict, as the example has it, and with Usher-Close, as its README
// says.
func TestExpressLogout(t *testing.T) {
	need(t, "node", "npm")
	dir := t.TempDir()
	for _, name := range []string{"app.js", "package.json", "Caddyfile"} {
		content, err := os.ReadFile(filepath.Join("../examples/express", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	npmInstall(t, dir)
	t.Run("strict", func(t *testing.T) { expressLogout(t, dir, "app.js", "Caddyfile") })
	t.Run("Usher-Close", func(t *testing.T) {
		replaceIn(t, dir, "app.js", "close.js", `response.redirect("/")`, `response.set("Usher-Close", "session").redirect("/")`)
		replaceIn(t, dir, "Caddyfile", "Caddyfile.close", "session connect.sid strict", "session connect.sid")
		expressLogout(t, dir, "close.js", "Caddyfile.close")
	})
}

// replaceIn copies a file with one change.
func replaceIn(t *testing.T, dir, from, to, old, changed string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, from))
	if err != nil || strings.Count(string(content), old) != 1 {
		t.Fatalf("%s has no %q: %v", from, old, err)
	}
	if err := os.WriteFile(filepath.Join(dir, to), []byte(strings.Replace(string(content), old, changed, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func expressLogout(t *testing.T, dir, app, caddyfile string) {
	t.Helper()
	port, site := testsite.FreePort(t), fmt.Sprintf("http://localhost:%d", testsite.FreePort(t))
	startProcess(t, dir, []string{fmt.Sprintf("PORT=%d", port), "SESSION_SECRET=e2e-0123456789", "PASSWORD=e2e-password"}, "node", app)
	startProcess(t, dir, []string{
		fmt.Sprintf("PORT=%d", port), "SITE_ADDRESS=" + site, fmt.Sprintf("CADDY_ADMIN=127.0.0.1:%d", testsite.FreePort(t)),
		"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
	}, usherBinary(t), "run", "--config", caddyfile, "--adapter", "caddyfile")
	waitForStatus(t, site, http.StatusOK)

	if _, response, err := websocket.Dial(t.Context(), site+"/ws/", nil); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a socket without a session: %v, want 401", err)
	}
	browser, other := loggedIn(t, site), loggedIn(t, site)
	first, second, others := greeted(t, browser, site), greeted(t, browser, site), greeted(t, other, site)
	submit(t, browser, site+"/logout", nil)
	for _, conn := range []*websocket.Conn{first, second} {
		_, _, err := conn.Read(t.Context())
		if websocket.CloseStatus(err) != 4401 || !strings.Contains(err.Error(), "session ended") {
			t.Errorf("a socket of the session: %v, want 4401", err)
		}
	}
	if err := others.Write(t.Context(), websocket.MessageText, []byte("still here")); err != nil {
		t.Error(err)
	}
	if _, message, err := others.Read(t.Context()); string(message) != "anna: still here" {
		t.Errorf("the socket of another session: %q, %v", message, err)
	}
	if _, response, err := websocket.Dial(t.Context(), site+"/ws/", &websocket.DialOptions{HTTPClient: browser}); err == nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("a socket after the logout: %v, want 401", err)
	}
}

// loggedIn returns a browser whose user has logged in.
func loggedIn(t *testing.T, site string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	if page := submit(t, browser, site+"/login", url.Values{"username": {"anna"}, "password": {"e2e-password"}}); !strings.Contains(page, "Log out") {
		t.Fatalf("the login failed: %s", page)
	}
	return browser
}

// submit sends a form, and returns the page that follows.
func submit(t *testing.T, browser *http.Client, target string, form url.Values) string {
	t.Helper()
	response, err := browser.PostForm(target, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// greeted opens a socket with the cookies of a browser, and reads the first message.
func greeted(t *testing.T, browser *http.Client, site string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), site+"/ws/", &websocket.DialOptions{HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if _, message, err := conn.Read(t.Context()); string(message) != "hello anna" {
		t.Fatalf("the first message is %q, %v", message, err)
	}
	return conn
}
