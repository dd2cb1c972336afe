// Command gate measures how fast wrong keys are rejected by usher, by the matcher recipe of Caddy's documentation, by Caddy's
// respond, and by Daphne. Each handshake has its own connection, which is closed as a browser closes it.
//
// The servers run alternately on one core, in rounds, so that other load on the machine affects all of them. The result is
// rejections for each second of the server's processor time, since the client, which opens a connection for each, is slower
// than the servers. Only ratios within one run are meaningful. The first group discards the log. The second group writes one
// log line for each rejection.
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
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

const handshake = "GET /ws/chat/?key=a-wrong-key-0123456789 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n" +
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

const gated = `websocket_gate {
		route chat /ws/chat/ {
			key the-good-key-0123456789
		}
	}
	reverse_proxy 127.0.0.1:9`

const recipe = `@rejected {
		path /ws/chat/
		header Connection *Upgrade*
		header Upgrade websocket
		not query key=the-good-key-0123456789
	}
	respond @rejected 403
	reverse_proxy 127.0.0.1:9`

func main() {
	seconds := flag.Int("seconds", 3, "duration of one round of one server")
	rounds := flag.Int("rounds", 3, "number of rounds")
	workers := flag.Int("workers", 8, "number of concurrent connections")
	flag.Parse()
	dir, err := os.MkdirTemp("", "usher-bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	caddy := peers.BuildCaddy(dir)
	discard, toFile := peers.LogTo("discard"), peers.LogTo("file "+filepath.Join(dir, "log"))
	fmt.Println("| rejected by | rejections per second of processor time | usher is | p99 | memory after a fifth, and at the end |")
	fmt.Println("|---|---|---|---|---|")
	for _, group := range [][]peers.Server{
		{
			{Name: "usher", Command: peers.Caddy(caddy, discard, gated)},
			{Name: "Caddy's matcher recipe", Command: peers.Caddy(caddy, discard, recipe)},
			{Name: "Caddy's respond to all requests", Command: peers.Caddy(caddy, discard, "respond 403")},
			{Name: "Daphne", Command: daphne},
		},
		{
			{Name: "usher, with WSREJECT lines", Command: peers.Caddy(caddy, toFile, gated)},
			{Name: "Caddy's matcher recipe, with access lines", Command: peers.Caddy(caddy, toFile, "log\n\t"+recipe)},
		},
	} {
		measured := make([]measurement, len(group))
		for range *rounds {
			for i, server := range group {
				measured[i].add(measure(server, dir, *workers, time.Duration(*seconds)*time.Second))
			}
		}
		for i, server := range group {
			m := measured[i]
			fmt.Printf("| %s | %.0f | %.2f times | %s | %.0f MB, %.0f MB |\n", server.Name, m.perSecond(),
				measured[0].perSecond()/m.perSecond(), m.p99().Round(10*time.Microsecond), m.early, m.late)
		}
	}
}

// measurement is the result for one server.
type measurement struct {
	took        []time.Duration // the latency of each rejection
	used        float64         // processor time, in seconds
	early, late float64         // resident memory in the last round, in MB
}

func (m *measurement) add(round measurement) {
	m.took = append(m.took, round.took...)
	m.used += round.used
	m.early, m.late = round.early, round.late
}

// perSecond returns the rejections for each second of processor time.
func (m *measurement) perSecond() float64 { return float64(len(m.took)) / m.used }

func (m *measurement) p99() time.Duration {
	slices.Sort(m.took)
	return m.took[len(m.took)*99/100]
}

// daphne returns the command of Daphne with the example's application, whose consumer checks the key.
func daphne(site peers.Site) *exec.Cmd {
	command := peers.OnServersCore(site.Dir, "/usr/bin/python3", "-m", "daphne", "-b", "127.0.0.1", "-p", strconv.Itoa(site.Port),
		"--access-log", os.DevNull, "theatre.asgi:application")
	command.Dir = "examples/django"
	command.Env = append(command.Env, "DJANGO_SECRET_KEY=bench", "LIVE_ORDERS_WS_KEY=the-good-key-of-orders",
		"PAYMENT_STATUS_WS_KEY=the-good-key-of-payments", "CHAT_WS_KEY=the-good-key-0123456789", "PYTHONDONTWRITEBYTECODE=1")
	return command
}

func measure(server peers.Server, dir string, workers int, duration time.Duration) (m measurement) {
	site := peers.Site{Dir: dir, Port: peers.FreePort()}
	process := peers.Start(server.Name, server.Command(site))
	defer process.Stop()
	process.WaitFor(func() error {
		if status := reject(site.Address()); status != "401" && status != "403" {
			return fmt.Errorf("want status 401 or 403, got %q", status)
		}
		return nil
	})
	var running sync.WaitGroup
	taken := make([][]time.Duration, workers)
	started, used := time.Now(), process.ProcessorTime()
	for i := range workers {
		running.Go(func() {
			for time.Since(started) < duration {
				begun := time.Now()
				if reject(site.Address()) != "" {
					taken[i] = append(taken[i], time.Since(begun))
				}
			}
		})
	}
	time.Sleep(duration / 5)
	m.early = float64(process.Resident()) / 1e6
	running.Wait()
	m.late = float64(process.Resident()) / 1e6
	m.took = slices.Concat(taken...)
	m.used = process.ProcessorTime() - used
	return m
}

// reject sends one handshake with a wrong key and returns the status, or "" without a response. Each handshake comes from a random
// loopback address, since the gate limits the rejections of one client and one address would run out of ports.
func reject(address string) string {
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
