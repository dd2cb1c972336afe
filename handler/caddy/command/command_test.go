//go:build unix

package command_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	_ "github.com/scan2food/usher"
	"github.com/scan2food/usher/handler/caddy/command"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// run runs `caddy usher` with arguments and a standard input.
func run(stdin string, args ...string) (stdout, stderr string, err error) {
	root := &cobra.Command{Use: "usher"}
	command.Command().CobraFunc(root)
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetIn(strings.NewReader(stdin))
	root.SetArgs(args)
	err = root.Execute()
	return out.String(), errs.String(), err
}

func TestCommandsShowAndOperateARunningCaddy(t *testing.T) {
	app := testsite.StartEcho(t)
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://%s {\nwebsocket_tunnel %s\n}", p.Admin, p.Addr, app)
	}
	p.Run(t, p.Adapted(t, ""))
	site := &testsite.Site{URL: "http://" + p.Addr}
	admin := func(args ...string) []string { return append(args, "--address", p.Admin) }
	conn := testsite.OpenSocket(t, site, "any")
	if !testsite.StillOpen(t, conn) {
		t.Fatal("the socket does not work")
	}
	out, _, err := run("", admin("sockets", "--upstream", app, "--json")...)
	var list report.Sockets
	if err != nil || json.Unmarshal([]byte(out), &list) != nil || list.Matching != 1 || list.Sockets[0].Upstream != app {
		t.Errorf("sockets --json: %v, %s", err, out)
	}
	if out, _, err := run("", admin("sockets")...); err != nil || !strings.Contains(out, "1 of 1 matching sockets") || !strings.Contains(out, app) {
		t.Errorf("sockets: %v, %s", err, out)
	}
	if out, _, err := run("", admin("status")...); err != nil || !strings.Contains(out, "open sockets: 1") || !strings.Contains(out, app) {
		t.Errorf("status: %v, %s", err, out)
	}
	if _, stderr, err := run("n\n", admin("close", "--client", "127.0.0.1")...); err == nil || !strings.Contains(stderr, "Close 1 of 1 sockets? [y/N]") || !testsite.StillOpen(t, conn) {
		t.Errorf("close, refused: %v, %q, want a question, and the socket open", err, stderr)
	}
	if _, _, err := run("", admin("close")...); err == nil || !strings.Contains(err.Error(), "no filter: use at least one of --client") {
		t.Errorf("close without a filter: %v", err)
	}
	for _, filter := range []string{"--user=", "--process=", "--session=0"} {
		if _, _, err := run("", admin("close", filter, "--yes")...); err == nil || !strings.HasPrefix(err.Error(), filter[:6]) || !testsite.StillOpen(t, conn) {
			t.Errorf("close %s: %v, want an error that names the flag, and the socket open", filter, err)
		}
	}
	for _, limit := range []string{"0", "-1"} {
		if _, _, err := run("", admin("sockets", "--limit", limit)...); err == nil || !strings.Contains(err.Error(), "--limit: want a number") {
			t.Errorf("sockets --limit %s: %v", limit, err)
		}
	}
	if out, _, err := run("", admin("close", "--client", "127.0.0.1", "--yes", "--code", "4002")...); err != nil || out != "closed 1 socket\n" || testsite.CloseCode(t, conn) != 4002 {
		t.Errorf("close --yes: %v, %q", err, out)
	}
	next := testsite.OpenSocket(t, site, "any")
	if !testsite.StillOpen(t, next) {
		t.Fatal("the next socket does not work")
	}
	if out, _, err := run("", admin("drain", app, "--over", "0s", "--wait")...); err != nil || !strings.Contains(out, "is drained; 0 open sockets") {
		t.Errorf("drain: %v, %q", err, out)
	}
	if out, _, err := run("", admin("status")...); err == nil || !strings.Contains(out, "NOT READY") || !strings.Contains(out, "drained") {
		t.Errorf("status while drained: %v, %q, want exit code 2", err, out)
	}
	if out, _, err := run("", admin("undrain", app)...); err != nil || !strings.Contains(out, "is in service") {
		t.Errorf("undrain: %v, %q", err, out)
	}
	if _, _, err := run("", admin("drain", "127.0.0.1:1")...); err == nil || !strings.Contains(err.Error(), "unknown upstream: use "+app) {
		t.Errorf("drain of an unknown upstream: %v", err)
	}
	if _, _, err := run("", admin("purge", "http://example.com/static/a.js")...); err == nil || !strings.Contains(err.Error(), "no site serves the URL") {
		t.Errorf("purge of an unknown URL: %v", err)
	}
	for _, args := range [][]string{{"assets"}, {"assets", "--rescan"}, {"keys", "list"}, {"explain", "http://example.com/"}} {
		if out, _, err := run("", admin(args...)...); err != nil {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}

func TestStatusNamesUpstreamsThatAreDown(t *testing.T) {
	app, gone := testsite.StartEcho(t), testsite.FreeAddress(t)
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://%s {\nwebsocket_tunnel /gone/* %s\nwebsocket_tunnel %s\n}", p.Admin, p.Addr, gone, app)
	}
	p.Run(t, p.Adapted(t, ""))
	status := func() (string, error) {
		out, _, err := run("", "status", "--address", p.Admin)
		return out, err
	}
	if out, err := status(); err != nil {
		t.Errorf("status: %v, %q, want no exit code", err, out)
	}
	handshake := strings.Replace(testsite.Get("/gone/", testsite.Upgrade), "Host: localhost", "Host: "+p.Addr, 1)
	if response := testsite.Exchange(t, p.Addr, handshake); response.StatusCode != http.StatusBadGateway {
		t.Errorf("a handshake for the application that is gone: %d, want 502", response.StatusCode)
	}
	if out, err := status(); err == nil || strings.Contains(out, "NOT READY") || !strings.Contains(out, "DOWN") {
		t.Errorf("status with an upstream down: %v, %q, want exit code 2", err, out)
	}
}

func TestKeysAndTicketsAreMadeAndRead(t *testing.T) {
	const secret = "command-ticket-secret-0123456789-0123456789"
	t.Setenv("COMMAND_SECRET", secret)
	first, _, err := run("", "keys", "new", "chat-2026")
	second, _, _ := run("", "keys", "new", "chat-2026")
	label, key, _ := strings.Cut(strings.TrimSpace(first), " ")
	if err != nil || label != "chat-2026" || len(key) < 40 || first == second {
		t.Errorf("keys new: %v, %q and %q", err, first, second)
	}
	hashed, _, err := run(key+"\n", "keys", "hash")
	made, _, _ := run("", "keys", "new", "--json")
	if err != nil || !strings.HasPrefix(hashed, "sha256:") || len(hashed) != len("sha256:")+65 || !strings.Contains(made, `"digest": "sha256:`) {
		t.Errorf("keys hash: %v, %q; keys new --json: %s", err, hashed, made)
	}
	for _, stdin := range []string{"", "short\n", hashed, "change-me\n", first} {
		if out, _, err := run(stdin, "keys", "hash"); err == nil || strings.Contains(err.Error(), "short") && stdin == "short\n" {
			t.Errorf("keys hash of %q: %q, %v, want an error without the secret", stdin, out, err)
		}
	}
	ticket, _, err := run("", "ticket", "new", "--route", "chat", "--route", "orders", "--secret-env", "COMMAND_SECRET", "--lifetime", "1h")
	if err != nil || strings.Count(ticket, ".") != 2 {
		t.Fatalf("ticket new: %v, %q", err, ticket)
	}
	if out, _, err := run(ticket, "ticket", "read", "--secret-env", "COMMAND_SECRET", "--route", "orders"); err != nil || !strings.Contains(out, "aud: [chat orders]") || !strings.Contains(out, "is valid") {
		t.Errorf("ticket read: %v, %q", err, out)
	}
	if out, _, err := run(ticket, "ticket", "read", "--secret-env", "COMMAND_SECRET", "--route", "other"); err == nil || !strings.Contains(out, "is not valid") {
		t.Errorf("ticket read for another route: %v, %q", err, out)
	}
	if out, _, err := run(ticket, "ticket", "read", "--secret-env", "COMMAND_NOTHING"); err == nil || !strings.Contains(out, "not verified: set COMMAND_NOTHING") {
		t.Errorf("ticket read without a secret: %v, %q, want exit code 2", err, out)
	}
	for _, lifetime := range []string{"0s", "-1m"} {
		if out, _, err := run("", "ticket", "new", "--route", "chat", "--secret-env", "COMMAND_SECRET", "--lifetime", lifetime); err == nil {
			t.Errorf("ticket new --lifetime %s: %q", lifetime, out)
		}
	}
	for _, bad := range []string{"", "x\n", "a.b.c\n", strings.Repeat("x", 100_000) + ".y.z\n"} {
		if _, _, err := run(bad, "ticket", "read"); err == nil || len(err.Error()) > 200 {
			t.Errorf("ticket read of %.10q: %v", bad, err)
		}
	}
	if _, _, err := run("", "ticket", "new", "--route", "chat", "--secret-env", "COMMAND_NOTHING"); err == nil || !strings.Contains(err.Error(), "COMMAND_NOTHING is empty") {
		t.Errorf("ticket new without a secret: %v", err)
	}
}

func TestUnknownCommandsAreErrors(t *testing.T) {
	for _, args := range [][]string{{"typo"}, {"keys", "typo"}, {"ticket", "typo"}} {
		name := args[len(args)-1]
		if out, _, err := run("", args...); err == nil || !strings.Contains(err.Error(), `unknown command "`+name+`"`) || out != "" {
			t.Errorf("%v: %v, %q, want an error alone", args, err, out)
		}
	}
	for _, args := range [][]string{{}, {"keys"}, {"ticket"}} {
		if out, _, err := run("", args...); err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%v: %v, %q, want the help", args, err, out)
		}
	}
}

func TestAuditAndCheckPrintTheirVerdict(t *testing.T) {
	root := t.TempDir()
	if _, _, err := run("", "audit"); err == nil || !strings.Contains(err.Error(), "use --root") {
		t.Errorf("audit without a directory: %v", err)
	}
	if _, _, err := run("", "audit", "--root", filepath.Join(root, "missing")); err == nil {
		t.Error("audit of a missing directory must fail")
	}
	if out, _, err := run("", "audit", "--root", root); err != nil || !strings.Contains(out, "0 bad") {
		t.Errorf("audit of nothing: %v, %q", err, out)
	}
	page := filepath.Join(root, "index.html")
	if err := os.WriteFile(page, []byte(`<script src="main.js"></script>`), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _, err := run("", "audit", "--root", root); err != nil || !strings.Contains(out, "1 to look at") {
		t.Errorf("audit: %v, %q, want success", err, out)
	}
	if _, _, err := run("", "audit", "--root", root, "--strict"); err == nil {
		t.Error("audit --strict must fail on a verdict to look at")
	}
	if err := os.WriteFile(page, fmt.Appendf(nil, `<script>new WebSocket("wss://a/ws/?key=%s")</script>`, "command-leaked-key-0123"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _, err := run("", "audit", "--root", root, "--json"); err == nil || !strings.Contains(out, `"bad": true`) || strings.Contains(out, "command-leaked-key-0123") {
		t.Errorf("audit of a leak: %v, %s", err, out)
	}
	if _, _, err := run("", "check", "example.com"); err == nil || !strings.Contains(err.Error(), "want the URL of a page") {
		t.Errorf("check of no URL: %v", err)
	}
	if _, _, err := run("", "check", "http://127.0.0.1:1/", "--key", "/ws/=COMMAND_NOTHING"); err == nil || !strings.Contains(err.Error(), "COMMAND_NOTHING is empty") {
		t.Errorf("check with an empty key: %v", err)
	}
}
