package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

// operated is a site with a keys file, two Daphnes and static files, and the address of its admin API.
type operated struct {
	url, admin, keysFile, static string
	daphnes                      [2]string
	processes                    [2]*process // of the Daphnes
	directory                    string
	printed                      strings.Builder // by the commands
}

func startOperated(t *testing.T) *operated {
	t.Helper()
	dir, err := os.MkdirTemp("", "usher") // short: socket paths have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &operated{directory: dir, keysFile: filepath.Join(dir, "chat.keys"), static: filepath.Join(dir, "static")}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("echo.py", echoApplication)
	write("chat.keys", "chat-2025 "+keys["chat"]+"\n")
	if err := os.Mkdir(s.static, 0o755); err != nil {
		t.Fatal(err)
	}
	write("static/main.js", "release 1")
	write("static/app.js", string(releaseScript(1)))
	for i := range s.daphnes {
		s.daphnes[i] = "unix/" + s.socket(i)
		s.startDaphne(t, i)
	}
	port := testsite.FreePort(t)
	s.url, s.admin = fmt.Sprintf("http://localhost:%d", port), fmt.Sprintf("127.0.0.1:%d", testsite.FreePort(t))
	write("Caddyfile", fmt.Sprintf(`{
		admin %s
		persist_config off
	}
	%s {
		websocket_gate {
			route chat /ws/chat/ {
				keys_file %s
			}
		}
		versioned_assets {
			serve /static/ %s
			deltas
		}
		bind 127.0.0.1
		usher_status /status
		websocket_tunnel /ws/* %s %s {
			lb_policy first
		}
		respond / up
	}
	`, s.admin, s.url, s.keysFile, s.static, s.daphnes[0], s.daphnes[1]))
	startProcess(t, dir, []string{"XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, usherBinary(t), "run", "--config", "Caddyfile")
	waitForStatus(t, s.url+"/", http.StatusOK)
	return s
}

func (s *operated) socket(i int) string {
	return filepath.Join(s.directory, fmt.Sprintf("d%d.sock", i))
}

func (s *operated) startDaphne(t *testing.T, i int) {
	t.Helper()
	s.processes[i] = startProcess(t, s.directory, nil, python, "-m", "daphne", "--application-close-timeout", "1", "-u", s.socket(i), "echo:application")
	waitFor(t, "Daphne up", func() bool {
		conn, err := net.Dial("unix", s.socket(i))
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

// usher runs a command of the operator and returns its output and exit code.
func (s *operated) usher(t *testing.T, arguments ...string) (output string, code int) {
	t.Helper()
	out, err := exec.Command(usherBinary(t), append(append([]string{"usher"}, arguments...), "--address", s.admin)...).CombinedOutput()
	s.printed.Write(out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("usher %v: %v", arguments, err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// must is usher for a command that must succeed.
func (s *operated) must(t *testing.T, arguments ...string) string {
	t.Helper()
	output, code := s.usher(t, arguments...)
	if code != 0 {
		t.Fatalf("usher %v exits with %d:\n%s", arguments, code, output)
	}
	return output
}

func (s *operated) dial(t *testing.T, key string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, strings.Replace(s.url, "http", "ws", 1)+"/ws/chat/?key="+key, nil)
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response.StatusCode
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(ctx); err != nil {
		t.Fatal(err)
	}
	return conn, 101
}

// deployScript replaces a script, and waits until a client gets the difference.
func (s *operated) deployScript(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.static, "app.js"), releaseScript(2), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(releaseScript(2))
	request, err := http.NewRequest(http.MethodGet, s.url+"/static/app.js?v="+hex.EncodeToString(sum[:8]), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip, dcz")
	request.Header.Set("Available-Dictionary", dictionaryOf(releaseScript(1)))
	waitFor(t, "a delta", func() bool {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.Header.Get("Content-Encoding") == "dcz"
	})
}

func closedWith(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testwait.Limit)
	defer cancel()
	_, _, err := conn.Read(ctx)
	return websocket.CloseStatus(err)
}

// A day of an operator, by commands. The status page shows each step.
func TestAnOperatorsDay(t *testing.T) {
	need(t, python, "chromium")
	s := startOperated(t)
	page := openStatusPage(t, s.url+"/status")
	page.shows(t, "ready", "In order")
	page.shows(t, "keys", "chat-2025", "valid")

	// Rotate the key: both are valid, then the old one goes, and its sockets with it.
	newLine := s.mustKey(t)
	_, newKey, _ := strings.Cut(strings.TrimSpace(newLine), " ")
	old, _ := s.dial(t, keys["chat"])
	s.writeKeys(t, "chat-2025 "+keys["chat"]+"\n"+newLine)
	waitFor(t, "the new key is listed", func() bool { return strings.Contains(s.must(t, "keys", "list"), "chat-2026") })
	fresh, _ := s.dial(t, newKey)
	page.shows(t, "keys", "chat-2025", "chat-2026")
	page.shows(t, "live", "2 open sockets")
	s.writeKeys(t, newLine)
	if code := closedWith(t, old); code != 4401 {
		t.Errorf("the socket of the old key is closed with %d, want 4401", code)
	}
	page.hides(t, "keys", "chat-2025")
	page.shows(t, "live", "1 open sockets")

	// Find one client, and close its socket.
	other, _ := s.dial(t, newKey)
	var list struct {
		Sockets []struct {
			ID       uint64
			Client   string
			Upstream string
		}
	}
	find := func(filter, value string) {
		if err := json.Unmarshal([]byte(s.must(t, "sockets", "--"+filter, value, "--json")), &list); err != nil {
			t.Fatal(err)
		}
	}
	find("key", "chat-2026")
	if len(list.Sockets) > 0 {
		find("client", list.Sockets[0].Client)
	}
	if len(list.Sockets) != 2 || list.Sockets[0].Upstream != s.daphnes[0] {
		t.Fatalf("the sockets are %+v, want two at %s", list.Sockets, s.daphnes[0])
	}
	s.must(t, "close", "--id", fmt.Sprint(list.Sockets[0].ID), "--yes", "--code", "4000")
	if code := closedWith(t, fresh); code != 4000 {
		t.Errorf("the client is closed with %d, want 4000", code)
	}
	page.shows(t, "live", "1 open sockets")
	page.hides(t, "sockets", fmt.Sprintf("%dchat", list.Sockets[0].ID))

	// See why another client is rejected.
	if _, status := s.dial(t, keys["chat"]); status != 401 {
		t.Errorf("the old key gets %d, want 401", status)
	}
	why, code := s.usher(t, "explain", strings.Replace(s.url, "http", "ws", 1)+"/ws/chat/?key="+keys["chat"])
	if code != 2 || !strings.Contains(why, "key_unknown") || strings.Contains(why, keys["chat"]) {
		t.Errorf("explain exits with %d:\n%s", code, why)
	}
	page.shows(t, "routes", "key_unknown 1")

	// Drain one Daphne: its sockets go to the other, and no handshake is rejected.
	if out := s.must(t, "drain", s.daphnes[0], "--over", "0s", "--wait"); !strings.Contains(out, "0 open sockets") {
		t.Errorf("drain: %s", out)
	}
	if code := closedWith(t, other); code != 1012 {
		t.Errorf("the drained socket is closed with %d, want 1012", code)
	}
	page.shows(t, "upstreams", s.daphnes[0]+"drained", s.daphnes[1]+"up")

	// Deploy it: stop it, and start it again. The other one gets all handshakes meanwhile.
	handshakes := func(n int) {
		for range n {
			if _, status := s.dial(t, newKey); status != 101 {
				t.Errorf("a handshake during the deploy gets %d", status)
			}
		}
	}
	handshakes(2)
	s.processes[0].stop()
	_ = os.Remove(s.socket(0))
	handshakes(2)
	s.startDaphne(t, 0)
	handshakes(1)
	if out := s.must(t, "sockets", "--upstream", s.daphnes[1]); !strings.Contains(out, "5 of 5 matching") {
		t.Errorf("the sockets at the other Daphne: %s", out)
	}
	s.must(t, "undrain", s.daphnes[0])
	page.shows(t, "upstreams", s.daphnes[0]+"up")
	handshakes(1)
	if out := s.must(t, "sockets", "--upstream", s.daphnes[0]); !strings.Contains(out, "1 of 1 matching") {
		t.Errorf("the sockets at the deployed Daphne: %s", out)
	}
	// Deploy a script. A browser that holds the version before downloads the difference.
	s.deployScript(t)
	page.shows(t, "assets", " % hits), ", "\u00a0KB saved")
	if out := s.must(t, "assets"); !strings.Contains(out, "HITS") || !strings.Contains(out, " %  ") || !strings.Contains(out, " KiB") {
		t.Errorf("the command shows no hit ratio of the deltas:\n%s", out)
	}
	s.must(t, "status")
	page.shows(t, "live", "6 open sockets")
	page.checkForms(t)
	page.checkRejections(t)
	page.closeByKeyboard(t)
	page.shows(t, "live", "5 open sockets")

	// Purge a file that should never have been served.
	sum := sha256.Sum256([]byte("release 1"))
	version := "/static/main.js?v=" + hex.EncodeToString(sum[:8])
	if body := s.get(t, version); body != "release 1" {
		t.Fatalf("the version is %q", body)
	}
	if err := os.WriteFile(filepath.Join(s.static, "main.js"), []byte("release 2"), 0o644); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the second release", func() bool { s.must(t, "assets", "--rescan"); return s.get(t, "/static/main.js") == "release 2" })
	var assets []struct {
		Generation string
		Kept       struct{ Files int }
	}
	readAssets := func() {
		if err := json.Unmarshal([]byte(s.must(t, "assets", "--json")), &assets); err != nil || len(assets) != 1 {
			t.Fatalf("assets --json: %v, %+v", err, assets)
		}
	}
	readAssets()
	page.shows(t, "assets", assets[0].Generation)
	waitFor(t, "the first release purged", func() bool {
		return !strings.HasPrefix(s.must(t, "purge", s.url+"/static/main.js"), "purged 0") || s.get(t, version) == "release 2"
	})
	if body := s.get(t, version); body != "release 2" {
		t.Errorf("after the purge the first version is %q", body)
	}
	readAssets()
	page.shows(t, "assets", fmt.Sprintf("%d (", assets[0].Kept.Files))

	// No command and no part of the page shows a key.
	shown := s.printed.String() + script[string](t, page.ctx, `return document.documentElement.outerHTML`)
	for _, key := range []string{keys["chat"], newKey} {
		if strings.Contains(shown, key) {
			t.Error("a command or the status page shows a key")
		}
	}
}

func (s *operated) mustKey(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(usherBinary(t), "usher", "keys", "new", "chat-2026").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func (s *operated) writeKeys(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(s.keysFile+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.keysFile+".new", s.keysFile); err != nil {
		t.Fatal(err)
	}
}

func (s *operated) get(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get(s.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
