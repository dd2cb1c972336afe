// Command gate measures how many wrong keys a second are refused: by usher, by Caddy with the matcher recipe of its own
// documentation, and by Daphne. Each handshake has a connection of its own, which is closed as a browser closes it. The
// servers run in turn on one core, in rounds, so that a busy moment of the machine falls on all of them. What is counted is
// refusals a second of the server's own processor time: the client, which has to open a connection for each, is slower than
// the servers. Only the ratios mean anything. Caddy is compared twice: with no line for a refusal, which usher writes by
// default, and with one from each.
//
//	go run ./bench/gate [-seconds 3] [-rounds 3]
package main

import (
	"bufio"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scan2food/usher/bench/processor"
)

const handshake = "GET /ws/chat/?key=a-wrong-key-0123456789 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n" +
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

const gated = `{
	admin off
	persist_config off
	log {
		OUTPUT
	}
}
http://localhost:PORT {
	websocket_gate {
		route chat /ws/chat/ {
			key the-good-key-0123456789
		}
	}
	reverse_proxy 127.0.0.1:9
}
`

const recipe = `{
	admin off
	persist_config off
	log {
		OUTPUT
	}
}
http://localhost:PORT {
	ACCESSLOG
	@refused {
		path /ws/chat/
		header Connection *Upgrade*
		header Upgrade websocket
		not query key=the-good-key-0123456789
	}
	respond @refused 403
	reverse_proxy 127.0.0.1:9
}
`

const respond = `{
	admin off
	persist_config off
	log {
		OUTPUT
	}
}
http://localhost:PORT {
	respond 403
}
`

func main() {
	seconds := flag.Int("seconds", 3, "how long each server is asked in a round")
	rounds := flag.Int("rounds", 3, "how often it is asked")
	workers := flag.Int("workers", 8, "connections at a time")
	flag.Parse()
	dir, err := os.MkdirTemp("", "usher-bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	caddy := filepath.Join(dir, "caddy")
	if out, err := exec.Command("go", "build", "-o", caddy, "./cmd/caddy").CombinedOutput(); err != nil {
		log.Fatalf("building cmd/caddy: %v\n%s", err, out)
	}
	quiet, loud := setting{"discard", ""}, setting{"file " + filepath.Join(dir, "log"), "log"}
	fmt.Println("| refused by | a second of processor time | usher is | p99 | memory after a fifth, and at the end |")
	fmt.Println("|---|---|---|---|---|")
	for _, group := range [][]server{
		{
			{"usher", caddyWith(caddy, dir, gated, quiet)},
			{"Caddy's matcher recipe", caddyWith(caddy, dir, recipe, quiet)},
			{"Caddy's respond, whatever is asked", caddyWith(caddy, dir, respond, quiet)},
			{"Daphne", daphne},
		},
		{
			{"usher, a WSREJECT line each", caddyWith(caddy, dir, gated, loud)},
			{"Caddy's matcher recipe, an access line each", caddyWith(caddy, dir, recipe, loud)},
		},
	} {
		measured := make([]measurement, len(group))
		for range *rounds {
			for i, server := range group {
				measured[i].add(measure(server.start, *workers, time.Duration(*seconds)*time.Second))
			}
		}
		for i, server := range group {
			m := measured[i]
			fmt.Printf("| %s | %.0f | %.2f times | %s | %.0f MB, %.0f MB |\n", server.name, m.perSecond(),
				measured[0].perSecond()/m.perSecond(), m.p99().Round(10*time.Microsecond), m.early, m.late)
		}
	}
}

// measurement is what is known of one server afterwards.
type measurement struct {
	took        []time.Duration // each refusal, as the client sees it
	used        float64         // processor time, in seconds
	early, late float64         // resident memory in the last round, in MB
}

func (m *measurement) add(round measurement) {
	m.took = append(m.took, round.took...)
	m.used += round.used
	m.early, m.late = round.early, round.late
}

// perSecond is refusals a second of processor time.
func (m *measurement) perSecond() float64 { return float64(len(m.took)) / m.used }

func (m *measurement) p99() time.Duration {
	slices.Sort(m.took)
	return m.took[len(m.took)*99/100]
}

type server struct {
	name  string
	start func(port int) *exec.Cmd
}

// setting is what is logged, and where.
type setting struct{ output, accessLog string }

func caddyWith(binary, dir, caddyfile string, logs setting) func(int) *exec.Cmd {
	return func(port int) *exec.Cmd {
		caddyfile := strings.NewReplacer("PORT", strconv.Itoa(port), "OUTPUT", "output "+logs.output, "ACCESSLOG", logs.accessLog).Replace(caddyfile)
		config := filepath.Join(dir, fmt.Sprintf("Caddyfile-%d", port))
		if err := os.WriteFile(config, []byte(caddyfile), 0o600); err != nil {
			log.Fatal(err)
		}
		return exec.Command("taskset", "-c", "0", binary, "run", "--config", config, "--adapter", "caddyfile")
	}
}

// daphne refuses by the example's consumer, which checks its key.
func daphne(port int) *exec.Cmd {
	command := exec.Command("taskset", "-c", "0", "/usr/bin/python3", "-m", "daphne", "-b", "127.0.0.1", "-p", fmt.Sprint(port),
		"--access-log", os.DevNull, "theatre.asgi:application")
	command.Dir = "examples/django"
	command.Env = append(os.Environ(), "DJANGO_SECRET_KEY=bench", "LIVE_ORDERS_WS_KEY=the-good-key-of-orders",
		"PAYMENT_STATUS_WS_KEY=the-good-key-of-payments", "CHAT_WS_KEY=the-good-key-0123456789", "PYTHONDONTWRITEBYTECODE=1")
	return command
}

func measure(start func(int) *exec.Cmd, workers int, duration time.Duration) (m measurement) {
	port := freePort()
	command := start(port)
	if err := command.Start(); err != nil {
		log.Fatal(err)
	}
	defer func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(20 * time.Second); refusal(address) == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			log.Fatalf("%s does not answer", command)
		}
	}
	if status := refusal(address); status != "401" && status != "403" {
		log.Fatalf("%s answers %s, want a refusal", command, status)
	}
	var running sync.WaitGroup
	taken := make([][]time.Duration, workers)
	started, used := time.Now(), processor.Time(command.Process.Pid)
	for i := range workers {
		running.Go(func() {
			for time.Since(started) < duration {
				begun := time.Now()
				if refusal(address) != "" {
					taken[i] = append(taken[i], time.Since(begun))
				}
			}
		})
	}
	time.Sleep(duration / 5)
	m.early = resident(command.Process.Pid)
	running.Wait()
	m.late = resident(command.Process.Pid)
	m.took = slices.Concat(taken...)
	m.used = processor.Time(command.Process.Pid) - used
	return m
}

// freePort is below those that the system gives to clients: connections that were just closed hold many of these.
func freePort() int {
	for {
		port := 20_000 + rand.IntN(10_000)
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			_ = listener.Close()
			return port
		}
	}
}

// resident is the memory of a process, in MB: the second field of its statm, in pages (proc(5)).
func resident(pid int) float64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		log.Fatal(err)
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(statm))[1], 64)
	return pages * float64(os.Getpagesize()) / 1e6
}

// refusal tries one handshake and returns the status, or "" if there was none. It comes from an address of its own: one
// client has a share of refusals only, and its ports would run out.
func refusal(address string) string {
	from := &net.TCPAddr{IP: net.IPv4(127, byte(1+rand.IntN(200)), byte(rand.IntN(256)), byte(1+rand.IntN(250)))}
	conn, err := (&net.Dialer{Timeout: time.Second, LocalAddr: from}).Dial("tcp", address)
	if err != nil {
		return ""
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write([]byte(handshake)); err != nil {
		return ""
	}
	line, err := bufio.NewReaderSize(conn, 512).ReadString('\n')
	if err != nil {
		return ""
	}
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return ""
	}
	return fields[1]
}
