//go:build unix

package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/caddy/command"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// startOperated starts a process with a tunnel and keys, tickets and sessions. It trusts the addresses of clients that a proxy reports.
func startOperated(t *testing.T, application, directory string) *testsite.Process {
	t.Helper()
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.Config = func(string) string {
		return fmt.Sprintf(`{
			admin %s
			persist_config off
			servers {
				trusted_proxies static 127.0.0.1/32
			}
			usher {
				shared {
					storage file_system %s
				}
			}
		}
		http://localhost:%s {
			bind 127.0.0.1
			websocket_gate {
				route a /ws/a/ {
					key %s first
					key %s second
				}
				route session /ws/session/ {
					session sessionid
				}
				route once /ws/once/ {
					ticket {
						secret %s
						once
					}
				}
			}
			websocket_tunnel %s
		}`, p.Admin, directory, port, testsite.GoodKey, secondKey, ticketSecret, application)
	}
	p.Run(t, p.Adapted(t, ""))
	return p
}

const secondKey = "another-key-of-the-operator-0123456789"

// usher runs a command against the admin API of a process.
func usher(t *testing.T, p *testsite.Process, args ...string) string {
	t.Helper()
	root := &cobra.Command{Use: "usher"}
	command.Command().CobraFunc(root)
	var out, errs bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(append(args, "--address", p.Admin))
	if err := root.Execute(); err != nil {
		t.Fatalf("caddy usher %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String() + errs.String()
}

func listOf(t *testing.T, p *testsite.Process, args ...string) (list report.Sockets) {
	t.Helper()
	if err := json.Unmarshal([]byte(usher(t, p, append([]string{"sockets", "--json"}, args...)...)), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOperatorOfOneMachineOperatesAll(t *testing.T) {
	t.Parallel()
	application, directory := startAnsweringApplication(t), filepath.Join(t.TempDir(), "shared")
	a, b := startOperated(t, application, directory), startOperated(t, application, directory)
	seesElsewhere(t, a, 2, 0)
	seesElsewhere(t, b, 2, 0)
	from := func(client string) string { return "X-Forwarded-For: " + client + "\r\n" }
	second := "/ws/a/?key=" + secondKey
	bystander := open(t, b, testsite.Keyed, from("203.0.113.1"))
	onA := open(t, a, testsite.Keyed, from("203.0.113.2"))
	seesElsewhere(t, a, 2, 1) // a client has its 101 before the socket is listed
	seesElsewhere(t, b, 2, 1)

	t.Run("sockets", func(t *testing.T) {
		list := listOf(t, a, "--route", "a")
		if list.Matching != 1 || len(list.Machines) != 1 || !list.Machines[0].Answered || list.Machines[0].Matching != 1 {
			t.Fatalf("the list is %+v, want one socket of each machine", list)
		}
		if own, other := list.Sockets[0], list.Machines[0].Sockets.Sockets[0]; own.Client != "203.0.113.2" || other.Client != "203.0.113.1" ||
			other.Process != list.Machines[0].Process || own.Process == other.Process {
			t.Errorf("the sockets are %+v and %+v, want the clients of both machines", own, other)
		}
		if text := usher(t, a, "sockets", "--client", "203.0.113.0/24"); !strings.Contains(text, "203.0.113.1") || !strings.Contains(text, "2 of 2 matching sockets; 2 open in all") {
			t.Errorf("the command prints\n%s", text)
		}
		for name, c := range map[string]struct {
			args []string
			own  int
			all  int
		}{
			"of no client":          {[]string{"--client", "192.0.2.1"}, 0, 0},
			"of the other process":  {[]string{"--process", list.Machines[0].Process}, 0, 1},
			"of this process":       {[]string{"--process", list.Sockets[0].Process}, 1, 1},
			"by a number":           {[]string{"--id", fmt.Sprint(list.Sockets[0].ID)}, 1, 1},
			"at most one":           {[]string{"--limit", "1"}, 1, 1},
			"by a number elsewhere": {[]string{"--process", list.Machines[0].Process, "--id", fmt.Sprint(list.Machines[0].Sockets.Sockets[0].ID)}, 0, 1},
		} {
			list := listOf(t, a, c.args...)
			all := len(list.Sockets)
			for _, m := range list.Machines {
				all += len(m.Sockets.Sockets)
			}
			if len(list.Sockets) != c.own || all != c.all {
				t.Errorf("%s: %d sockets here and %d in all, want %d and %d", name, len(list.Sockets), all, c.own, c.all)
			}
		}
	})
	t.Run("many sockets", func(t *testing.T) {
		for range 6 {
			open(t, b, "/ws/session/", from("198.51.100.200")+"Cookie: sessionid="+secondValue+"\r\n")
		}
		list := listOf(t, a, "--route", "session", "--limit", "5")
		if m := list.Machines[0]; m.Matching != 6 || len(m.Sockets.Sockets) != 5 || m.Next == 0 {
			t.Errorf("%d of %d sockets of the other machine, and the next page after %d, want 5 of 6", len(m.Sockets.Sockets), m.Matching, m.Next)
		}
		encoded, err := json.Marshal(list.Machines[0].Sockets.Sockets)
		if perSocket := len(encoded) / 5; err != nil || perSocket > 500 {
			t.Errorf("%d bytes for each socket, %v, want about 350", perSocket, err)
		}
		t.Logf("%d bytes for each socket", len(encoded)/5)
		var page report.Sockets
		uri := fmt.Sprintf("/usher/sockets?route=session&limit=5&process=%s&after=%d", list.Machines[0].Process, list.Machines[0].Next)
		if err := json.Unmarshal(a.Get(t, uri), &page); err != nil || len(page.Machines) != 1 || len(page.Machines[0].Sockets.Sockets) != 1 {
			t.Errorf("the next page is %+v, %v, want the last socket", page, err)
		}
	})
	t.Run("close", func(t *testing.T) {
		idOf := func(client string) []string {
			s := listOf(t, a, "--client", client).Machines[0].Sockets.Sockets[0]
			return []string{"--process", s.Process, "--id", fmt.Sprint(s.ID)}
		}
		for _, c := range []struct {
			name, path, fields string
			filters            func() []string
		}{
			{"by key", second, from("198.51.100.1"), func() []string { return []string{"--key", "second"} }},
			{"by user", "/ws/once/", from("198.51.100.2") + ticket(t, "close", "42"), func() []string { return []string{"--user", "42"} }},
			{"by prefix", testsite.Keyed, from("2001:db8:1::7"), func() []string { return []string{"--client", "2001:db8:1::/48"} }},
			{"by process and id", testsite.Keyed, from("198.51.100.4"), func() []string { return idOf("198.51.100.4") }},
		} {
			onB := open(t, b, c.path, c.fields)
			text := usher(t, a, append(append([]string{"close"}, c.filters()...), "--yes", "--code", "4000")...)
			if code := closeCode(t, onB); code != 4000 || !strings.Contains(text, "1 other machine will close") {
				t.Errorf("%s: closed with %d, want 4000; the command printed %q", c.name, code, text)
			}
		}
		if !isOpen(bystander) || !isOpen(onA) {
			t.Error("a socket that no filter matched was closed")
		}
	})
	t.Run("drain", func(t *testing.T) {
		if text := usher(t, a, "drain", application, "--over", "0s"); !strings.Contains(text, "is drained") {
			t.Errorf("the command printed %q", text)
		}
		if codes := []int{closeCode(t, bystander), closeCode(t, onA)}; codes[0] != 1012 || codes[1] != 1012 {
			t.Errorf("closed with %d, want 1012 on both machines", codes)
		}
		if s := status(t, b); len(s.Upstreams) != 1 || !s.Upstreams[0].Drained {
			t.Errorf("the upstreams of the other machine are %+v, want one that is drained", s.Upstreams)
		}
		usher(t, a, "undrain", application)
		testsite.Eventually(t, "the other machine opens sockets again", func() bool {
			conn, status := handshake(t, b, testsite.Keyed, "")
			if status != http.StatusSwitchingProtocols {
				conn.Close()
			}
			return status == http.StatusSwitchingProtocols
		})
	})
	t.Run("a machine that hangs", func(t *testing.T) {
		stopped := suspend(t, b)
		text := usher(t, a, "sockets")
		stopped()
		if !strings.Contains(text, "did not answer: its ") {
			t.Errorf("the command prints\n%s", text)
		}
	})
	for name, p := range map[string]*testsite.Process{"a": a, "b": b} {
		if log := p.Stderr.String(); strings.Contains(log, "shared object unreadable") {
			t.Errorf("%s cannot read what the other writes:\n%s", name, log)
		}
	}
	checkNoSecrets(t, directory)
}

// suspend stops a process without ending it.
func suspend(t *testing.T, p *testsite.Process) (resume func()) {
	t.Helper()
	if err := p.Command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	resume = func() { _ = p.Command.Process.Signal(syscall.SIGCONT) }
	t.Cleanup(resume)
	return resume
}
