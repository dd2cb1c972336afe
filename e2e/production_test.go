package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/scan2food/usher/internal/testsite"
)

// needRoot skips the test if the process cannot create users and change its own.
func needRoot(t *testing.T, tools ...string) {
	t.Helper()
	need(t, tools...)
	if os.Getuid() != 0 {
		t.Skip("needs root, as a server's setup does")
	}
}

// setUp runs the setup of the example below another root, for a host.
func setUp(t *testing.T, root, host string) {
	t.Helper()
	command := exec.Command("systemd/setup", host)
	command.Dir, command.Env = exampleDir, append(os.Environ(), "DESTDIR="+root)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
}

// environment returns the variables of a unit's environment files, and of its Environment= lines.
func environment(t *testing.T, root, unit string) []string {
	t.Helper()
	var variables []string
	for _, match := range regexp.MustCompile(`(?m)^Environment=(.*)$`).FindAllStringSubmatch(unit, -1) {
		variables = append(variables, strings.Fields(strings.ReplaceAll(match[1], "=/srv", "="+root+"/srv"))...)
	}
	for _, match := range regexp.MustCompile(`(?m)^EnvironmentFile=(.*)$`).FindAllStringSubmatch(unit, -1) {
		content, err := os.ReadFile(root + match[1])
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			variables = append(variables, name+"="+strings.Trim(value, `"`))
		}
	}
	return variables
}

func readUnit(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(exampleDir, "systemd", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var units = []string{"gunicorn.service", "daphne.service", "caddy.service"}

// systemd rates how much a service could do if it were taken over: 10 is everything.
func TestUnitsAreConfined(t *testing.T) {
	analyze := testsite.Tool(t, "systemd-analyze", "systemd")
	for _, unit := range units {
		out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=30", filepath.Join(exampleDir, "systemd", unit)).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "exposure level for "+unit) {
			t.Errorf("%s: the level is 3 or more: %v\n%s", unit, err, out)
		}
	}
}

// The setup may run again. It makes secrets once, for root's eyes only, and each service gets only the ones it needs.
func TestSetupIsIdempotent(t *testing.T) {
	needRoot(t, "systemd-sysusers", "openssl")
	root := t.TempDir()
	setUp(t, root, "theatre.example")
	before := secrets(t, root)
	setUp(t, root, "theatre.example")
	if after := secrets(t, root); len(before) != 5 || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("want five secrets, the same after a second setup, got %d and %d", len(before), len(after))
	}
	for _, file := range []string{"django.env", "keys.env", "caddy.env"} {
		info, err := os.Stat(filepath.Join(root, "etc/theatre", file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: want mode 0600, got %v, %v", file, info, err)
		}
	}
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || strings.Count("\n"+string(users), "\ntheatre:") != 1 || strings.Count("\n"+string(users), "\ncaddy:") != 1 {
		t.Errorf("users: %v\n%s", err, users)
	}
	for unit, files := range map[string]string{
		"gunicorn.service": "site django keys", "daphne.service": "site django keys", "caddy.service": "site keys caddy",
	} {
		var named []string
		for _, match := range regexp.MustCompile(`(?m)^EnvironmentFile=/etc/theatre/(\w+)\.env$`).FindAllStringSubmatch(readUnit(t, unit), -1) {
			named = append(named, match[1])
		}
		if strings.Join(named, " ") != files {
			t.Errorf("%s gets the secrets %q, want %q", unit, named, files)
		}
	}
}

// secrets returns the lines of the files with secrets.
func secrets(t *testing.T, root string) []string {
	t.Helper()
	var lines []string
	for _, file := range []string{"django.env", "keys.env", "caddy.env"} {
		content, err := os.ReadFile(filepath.Join(root, "etc/theatre", file))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSpace(string(content)), "\n")...)
	}
	return lines
}

// The commands of the units run below another root. The site works under its host name, and no other user reaches the sockets of
// the applications.
func TestProductionSite(t *testing.T) {
	needRoot(t, "systemd-sysusers", "openssl", "chromium", "setpriv", "curl")
	const host, user, group = "theatre.internal", 4711, 4712 // .internal: Caddy's local authority
	root, err := os.MkdirTemp("", "usher-site")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	port := testsite.FreePort(t)
	setUp(t, root, fmt.Sprintf("%s:%d", host, port))

	run := filepath.Join(root, "run/theatre")
	makeDirectory(t, run, directoryMode(t, "gunicorn.service", "RuntimeDirectoryMode"), user, group)
	state := filepath.Join(root, "var/lib/theatre")
	makeDirectory(t, state, directoryMode(t, "gunicorn.service", "StateDirectoryMode"), user, user)
	for _, directory := range []string{root, filepath.Join(root, "run"), filepath.Join(root, "srv"), filepath.Join(root, "var"), filepath.Join(root, "var/lib")} {
		if err := os.Chmod(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"gunicorn.service", "daphne.service"} {
		unit := readUnit(t, name)
		env := append(environment(t, root, unit), "STATE_DIRECTORY="+state)
		for _, match := range regexp.MustCompile(`(?m)^ExecStart(Pre)?=(.*)$`).FindAllStringSubmatch(unit, -1) {
			arguments := strings.Fields(strings.ReplaceAll(match[2], "/run/theatre", run))
			arguments = append([]string{"--reuid=" + strconv.Itoa(user), "--regid=" + strconv.Itoa(group), "--clear-groups"}, arguments...)
			if match[1] == "" {
				startProcess(t, filepath.Join(root, "srv/theatre"), env, "setpriv", arguments...)
				continue
			}
			command := exec.Command("setpriv", arguments...)
			command.Dir, command.Env = filepath.Join(root, "srv/theatre"), append(os.Environ(), env...)
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
	}
	health := func(socket string, user, group int) error {
		command := exec.Command("setpriv", "--reuid="+strconv.Itoa(user), "--regid="+strconv.Itoa(group), "--clear-groups",
			"curl", "--silent", "--fail", "--max-time", "20", "--unix-socket", filepath.Join(run, socket), "http://localhost/health/")
		out, err := command.CombinedOutput()
		if err == nil && string(out) != "ok" {
			return fmt.Errorf("got %q", out)
		}
		return err
	}
	const caddy, stranger = 4713, 4714
	for _, socket := range []string{"gunicorn.sock", "daphne.sock"} {
		waitFor(t, socket+" answers to the group of Caddy", func() bool { return health(socket, caddy, group) == nil })
		if err := health(socket, stranger, stranger); err == nil {
			t.Errorf("%s answers to another user of the machine", socket)
		}
	}

	home := t.TempDir()
	env := append(environment(t, root, readUnit(t, "caddy.service")), "RUN_DIRECTORY="+run, "LOGS_DIRECTORY="+home,
		"XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "CADDY_ADMIN=unix/"+home+"/admin.sock", fmt.Sprintf("HTTP_PORT=%d", testsite.FreePort(t)))
	startProcess(t, filepath.Join(root, "srv/theatre"), env, usherBinary(t), "run", "--config", "Caddyfile")
	page := fmt.Sprintf("https://%s:%d/", host, port)
	waitFor(t, "the page", func() bool {
		out, err := exec.Command("curl", "--silent", "--insecure", "--max-time", "5", "--resolve", fmt.Sprintf("%s:%d:127.0.0.1", host, port),
			"--write-out", "%{http_code}", "--output", os.DevNull, page).Output()
		return err == nil && bytes.Equal(out, []byte("200"))
	})
	ctx := browser(t, chromedp.Flag("host-resolver-rules", "MAP "+host+" 127.0.0.1"), chromedp.Flag("ignore-certificate-errors", true))
	main, worker := visit(t, ctx, page)
	if main != "release 1" || worker != "release 1" {
		t.Errorf("the scripts that run are %q and %q", main, worker)
	}
}

func directoryMode(t *testing.T, unit, word string) os.FileMode {
	t.Helper()
	match := regexp.MustCompile(`(?m)^` + word + `=(\d+)$`).FindStringSubmatch(readUnit(t, unit))
	if match == nil {
		t.Fatalf("%s has no %s", unit, word)
	}
	mode, err := strconv.ParseUint(match[1], 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	return os.FileMode(mode)
}

// makeDirectory does what systemd does for RuntimeDirectory= and StateDirectory=.
func makeDirectory(t *testing.T, path string, mode os.FileMode, user, group int) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, user, group); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
