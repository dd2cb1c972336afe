//go:build unix

package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
	"github.com/scan2food/usher/internal/testwait"
)

const (
	ticketSecret = "a-ticket-secret-of-32-characters"
	firstValue   = "abcdefghijklmnopqrstuvwxyz012345"
	secondValue  = "zyxwvutsrqponmlkjihgfedcba543210"
)

// startMachine starts a process that shares a directory. All machines of a test have one application.
func startMachine(t *testing.T, application, directory, prefix string) *testsite.Process {
	t.Helper()
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	_, port, _ := net.SplitHostPort(p.Addr)
	p.Config = func(options string) string {
		alias, options := cutAlias(options, port)
		return fmt.Sprintf(`{
			admin %s
			persist_config off
			metrics
			usher {
				shared {
					storage file_system %s
					prefix %s
				}
			}
		}
		http://localhost:%s%s {
			bind 127.0.0.1
			websocket_gate {
				route a /ws/a/ {
					key %s
					max_open 3
				}
				route session /ws/session/ {
					session sessionid
					max_open 1000 per_client 1000
				}
				route once /ws/once/ {
					ticket {
						secret %s
						once
					}
					max_open 1000 per_user 1
				}
			}
			reverse_proxy %s
			%s
		}`, p.Admin, directory, prefix, port, alias, testsite.GoodKey, ticketSecret, application, options)
	}
	p.Run(t, p.Adapted(t, ""))
	return p
}

// cutAlias returns a further address of the site if the options begin with the word alias, and the other options.
func cutAlias(options, port string) (address, others string) {
	if others, found := strings.CutPrefix(options, "alias"); found {
		return ", http://www.localhost:" + port, others
	}
	return "", options
}

// startAnsweringApplication answers a POST with the header line in its body.
func startAnsweringApplication(t *testing.T) string {
	app := testsite.StartApplication(t)
	app.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		body, _ := io.ReadAll(r.Body)
		name, value, _ := strings.Cut(string(body), ": ")
		w.Header().Set(name, value)
		return true
	})
	return app.Addr
}

// handshake opens a socket, or returns the status that rejects it.
func handshake(t *testing.T, p *testsite.Process, path, fields string) (net.Conn, int) {
	t.Helper()
	conn, response := testsite.ExchangeOpen(t, p.Addr, testsite.Get(path, testsite.Upgrade+fields))
	t.Cleanup(func() { conn.Close() })
	return conn, response.StatusCode
}

func open(t *testing.T, p *testsite.Process, path, fields string) net.Conn {
	t.Helper()
	conn, status := handshake(t, p, path, fields)
	if status != http.StatusSwitchingProtocols {
		t.Fatalf("%s: status %d, want 101\n%s", path, status, p.Stderr.String())
	}
	return conn
}

// answer has the application answer a request with a header line.
func answer(t *testing.T, p *testsite.Process, cookie, line string) {
	t.Helper()
	testsite.Exchange(t, p.Addr, fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\nContent-Length: %d\r\n\r\n%s", cookie, len(line), line))
}

// closeCode waits for a Close frame and returns its code.
func closeCode(t *testing.T, conn net.Conn) int {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	head := make([]byte, 4)
	if _, err := io.ReadFull(conn, head); err != nil || head[0] != 0x88 {
		t.Fatalf("read % x, %v, want a Close frame", head, err)
	}
	return int(head[2])<<8 | int(head[3])
}

func isOpen(conn net.Conn) bool {
	_ = conn.SetDeadline(time.Now().Add(testwait.Limit))
	echo := testsite.Masked("still here")
	_, _ = io.WriteString(conn, echo)
	got := make([]byte, len(echo))
	_, err := io.ReadFull(conn, got)
	return err == nil && string(got) == echo
}

func status(t *testing.T, p *testsite.Process) (s report.Status) {
	t.Helper()
	if err := json.Unmarshal(p.Get(t, "/usher/status"), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// seesElsewhere waits until the process knows of this many sockets of others.
func seesElsewhere(t *testing.T, p *testsite.Process, nodes, sockets int) {
	t.Helper()
	testsite.Eventually(t, fmt.Sprintf("%d machines, with %d sockets on others", nodes, sockets), func() bool {
		s := status(t, p)
		if s.Shared == nil {
			return false
		}
		elsewhere := 0
		for _, n := range s.Shared.Nodes {
			if !n.This {
				elsewhere += n.Sockets
			}
		}
		return len(s.Shared.Nodes) == nodes && elsewhere == sockets
	})
}

func ticket(t *testing.T, id, user string) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"aud": "once", "jti": id, "sub": user, "exp": time.Now().Add(time.Minute).Unix(),
	}).SignedString([]byte(ticketSecret))
	if err != nil {
		t.Fatal(err)
	}
	return "Cookie: __Host-usher=" + token + "\r\n"
}

func TestMachinesActAsOneSite(t *testing.T) {
	t.Parallel()
	application, directory := startAnsweringApplication(t), filepath.Join(t.TempDir(), "shared")
	a, b := startMachine(t, application, directory, "site"), startMachine(t, application, directory, "site")
	stranger := startMachine(t, application, directory, "other")
	seesElsewhere(t, a, 2, 0)
	seesElsewhere(t, b, 2, 0)

	t.Run("limits", func(t *testing.T) {
		open(t, a, testsite.Keyed, "")
		open(t, a, testsite.Keyed, "")
		seesElsewhere(t, b, 2, 2)
		third := open(t, b, testsite.Keyed, "")
		seesElsewhere(t, a, 2, 1)
		for name, p := range map[string]*testsite.Process{"a": a, "b": b} {
			if _, status := handshake(t, p, testsite.Keyed, ""); status != http.StatusTooManyRequests {
				t.Errorf("machine %s: status %d for the fourth socket, want 429", name, status)
			}
		}
		for p, shown := range map[*testsite.Process]string{a: "2 + 1 elsewhere of 3", b: "1 + 2 elsewhere of 3"} {
			if text := usher(t, p, "status"); !strings.Contains(text, shown) || !strings.Contains(text, "FULL") {
				t.Errorf("status prints no full route with %s:\n%s", shown, text)
			}
		}
		if metrics := string(b.Get(t, "/metrics")); !strings.Contains(metrics, `usher_websocket_open_elsewhere{route="a"} 2`) {
			t.Error("the metrics have no sockets of the other machine")
		}
		open(t, stranger, testsite.Keyed, "")
		if !isOpen(third) {
			t.Error("a socket within the limit was closed")
		}
	})
	t.Run("session", func(t *testing.T) {
		cookie := "sessionid=" + firstValue
		onA, onB := open(t, a, "/ws/session/", "Cookie: "+cookie+"\r\n"), open(t, b, "/ws/session/", "Cookie: "+cookie+"\r\n")
		other := open(t, b, "/ws/session/", "Cookie: sessionid=ponmlkjihgfedcba0123456789abcdef\r\n")
		strange := open(t, stranger, "/ws/session/", "Cookie: "+cookie+"\r\n")
		answer(t, a, cookie, "Set-Cookie: sessionid="+secondValue+"; Path=/")
		answer(t, b, "sessionid="+secondValue, "Set-Cookie: sessionid=; Max-Age=0; Path=/") // before b has heard of the change
		if codes := []int{closeCode(t, onA), closeCode(t, onB)}; codes[0] != 4401 || codes[1] != 4401 {
			t.Errorf("closed with %d, want 4401", codes)
		}
		if !isOpen(other) || !isOpen(strange) {
			t.Error("a socket of another session or prefix was closed")
		}
	})
	t.Run("single-use tickets", func(t *testing.T) {
		first := ticket(t, "first", "42")
		onA := open(t, a, "/ws/once/", first)
		if _, status := handshake(t, b, "/ws/once/", first); status != http.StatusUnauthorized {
			t.Errorf("status %d for the second use, want 401", status)
		}
		testsite.Eventually(t, "the limit of the user holds on the other machine", func() bool {
			conn, status := handshake(t, b, "/ws/once/", ticket(t, fmt.Sprint(time.Now().UnixNano()), "42"))
			conn.Close()
			return status == http.StatusTooManyRequests
		})
		answer(t, b, "", `Usher-Close: user="42";code=4403;reason="banned"`)
		if code := closeCode(t, onA); code != 4403 {
			t.Errorf("closed with %d, want 4403", code)
		}
	})
	t.Run("operator", func(t *testing.T) {
		onB := open(t, b, "/ws/session/", "Cookie: sessionid="+firstValue+"\r\n")
		var closed report.Closed
		if err := json.Unmarshal(a.Do(t, http.MethodDelete, "/usher/sockets?route=session&code=4000"), &closed); err != nil || closed.Nodes != 1 {
			t.Errorf("closed %+v, %v, want one other machine", closed, err)
		}
		if code := closeCode(t, onB); code != 4000 {
			t.Errorf("closed with %d, want 4000", code)
		}
	})
	t.Run("kill", func(t *testing.T) {
		_ = a.Command.Process.Kill()
		testsite.Eventually(t, "the sockets of the killed machine are forgotten", func() bool {
			conn, status := handshake(t, b, testsite.Keyed, "")
			if status != http.StatusSwitchingProtocols {
				conn.Close()
			}
			return status == http.StatusSwitchingProtocols
		})
	})
	for name, p := range map[string]*testsite.Process{"a": a, "b": b} {
		if log := p.Stderr.String(); strings.Contains(log, firstValue) || strings.Contains(log, ticketSecret) {
			t.Errorf("the log of %s has a secret", name)
		}
	}
	checkNoSecrets(t, directory)
}

// checkNoSecrets reads all files of the storage.
// A change of the configuration reaches one machine after the other.
func TestEventsReachMachinesWithOtherAliases(t *testing.T) {
	t.Parallel()
	application, directory := startAnsweringApplication(t), filepath.Join(t.TempDir(), "shared")
	a, b := startMachine(t, application, directory, "site"), startMachine(t, application, directory, "site")
	seesElsewhere(t, a, 2, 0)
	seesElsewhere(t, b, 2, 0)
	cookie := "sessionid=" + firstValue
	ofSession := open(t, b, "/ws/session/", "Cookie: "+cookie+"\r\n")
	ofUser := open(t, b, "/ws/once/", ticket(t, "first", "42"))
	onB := open(t, b, testsite.Keyed, "")
	a.Reload(t, "alias")
	answer(t, a, cookie, "Set-Cookie: sessionid=; Max-Age=0; Path=/")
	answer(t, a, "", `Usher-Close: user="42";code=4403;reason="banned"`)
	if code := closeCode(t, ofSession); code != 4401 {
		t.Errorf("the session's socket closed with %d, want 4401", code)
	}
	if code := closeCode(t, ofUser); code != 4403 {
		t.Errorf("the user's socket closed with %d, want 4403", code)
	}
	if !isOpen(onB) {
		t.Error("a socket of no session and user was closed")
	}
}

func checkNoSecrets(t *testing.T, directory string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(directory, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // the machines change it
		}
		content, _ := os.ReadFile(name)
		files++
		for _, secret := range []string{firstValue, secondValue, ticketSecret, testsite.GoodKey, "127.0.0.1", "banned"} {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s shows %s", name, secret)
			}
		}
		return nil
	})
	if err != nil || files < 4 {
		t.Errorf("read %d files, %v", files, err)
	}
}

func TestMachineWithoutItsStorage(t *testing.T) {
	t.Parallel()
	application, directory := startAnsweringApplication(t), filepath.Join(t.TempDir(), "shared")
	p := startMachine(t, application, directory, "site")
	testsite.Eventually(t, "the storage is reached", func() bool { return status(t, p).Shared.OK })
	away := directory + " away"
	// A file where the directory was makes every call fail, also for root.
	if err := os.Rename(directory, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(directory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the failure is noticed", func() bool { return !status(t, p).Shared.OK })
	used := ticket(t, "used", "1")
	open(t, p, testsite.Keyed, "")
	if _, status := handshake(t, p, "/ws/once/", used); status != http.StatusServiceUnavailable {
		t.Errorf("status %d for a single-use ticket, want 503", status)
	}
	if metrics := string(p.Get(t, "/metrics")); !strings.Contains(metrics, "\nusher_shared_ok 0\n") {
		t.Error("the gauge does not show the failure")
	}
	if !status(t, p).Ready.OK {
		t.Error("not ready, want ready: the storage was reached once")
	}
	var list report.Sockets
	if err := json.Unmarshal(p.Get(t, "/usher/sockets"), &list); err != nil || !list.Alone || list.Total == 0 {
		t.Errorf("the list of sockets is %+v, %v, want that it is of this machine alone", list, err)
	}
	p.Reload(t, "header X-Reloaded yes")
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(away, directory); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the storage works again", func() bool { return status(t, p).Shared.OK })
	list = report.Sockets{}
	if err := json.Unmarshal(p.Get(t, "/usher/sockets"), &list); err != nil || list.Alone {
		t.Errorf("the list of sockets is %+v, %v, want that it is of all machines", list, err)
	}
	open(t, p, "/ws/once/", used)
	log := p.Stderr.String()
	if failed, healed := strings.Count(log, "shared storage fails"), strings.Count(log, "shared storage works again"); failed != 1 || healed != 1 {
		t.Errorf("%d failures and %d recoveries in the log, want one each", failed, healed)
	}
}

func TestMachineIsReadyAfterItReachedItsStorage(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(directory, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startMachine(t, startAnsweringApplication(t), directory, "site")
	bound := open(t, p, "/ws/session/", "Cookie: sessionid="+firstValue+"\r\n")
	open(t, p, testsite.Keyed, "")
	if s := status(t, p); s.Ready.OK || s.Shared.Reached {
		t.Error("ready, want not ready: the storage was never reached")
	}
	if err := os.Remove(directory); err != nil {
		t.Fatal(err)
	}
	testsite.Eventually(t, "the machine is ready", func() bool { return status(t, p).Ready.OK })
	if code := closeCode(t, bound); code != 1012 {
		t.Errorf("a session that no other machine knows was closed with %d, want 1012", code)
	}
}
