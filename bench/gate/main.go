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

const recipe = `@refused {
		path /ws/chat/
		header Connection *Upgrade*
		header Upgrade websocket
		not query key=the-good-key-0123456789
	}
	respond @refused 403
	reverse_proxy 127.0.0.1:9`

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
	caddy := peers.BuildCaddy(dir)
	toFile := "file " + filepath.Join(dir, "log")
	fmt.Println("| refused by | a second of processor time | usher is | p99 | memory after a fifth, and at the end |")
	fmt.Println("|---|---|---|---|---|")
	for _, group := range [][]peers.Server{
		{
			{Name: "usher", Command: peers.Caddy(caddy, "discard", gated)},
			{Name: "Caddy's matcher recipe", Command: peers.Caddy(caddy, "discard", recipe)},
			{Name: "Caddy's respond, whatever is asked", Command: peers.Caddy(caddy, "discard", "respond 403")},
			{Name: "Daphne", Command: daphne},
		},
		{
			{Name: "usher, a WSREJECT line each", Command: peers.Caddy(caddy, toFile, gated)},
			{Name: "Caddy's matcher recipe, an access line each", Command: peers.Caddy(caddy, toFile, "log\n\t"+recipe)},
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

// daphne refuses by the example's consumer, which checks its key.
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
		if status := refusal(site.Address()); status != "401" && status != "403" {
			return fmt.Errorf("want a refusal, got %q", status)
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
				if refusal(site.Address()) != "" {
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
