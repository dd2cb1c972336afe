//go:build linux

// Command tunnel measures the cost of a WebSocket through usher's tunnel, Caddy's reverse_proxy, nginx and HAProxy: the resident
// memory of an idle socket, handshakes, and echoes of short and long messages.
//
// Each server runs on one core. The application and the clients run on the others. The result is work for each second of the
// server's processor time, since the client may be slower than the server. The servers run one after the other and the median of the rounds
// counts, so that other load on the machine affects all servers. For the memory, all servers run at the same time. Only ratios
// within one run are meaningful.
//
//	go run ./bench/tunnel [-sockets 3000] [-streams 500] [-settle 150s] [-seconds 1] [-rounds 7] [-only usher,nginx] [-secure=false] [-cleartext=false]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "application" {
		serveApplication(os.Args[2])
		return
	}
	var plan plan
	flag.IntVar(&plan.sockets, "sockets", 3000, "number of idle sockets of each server for the memory measurement; 0 skips it")
	flag.IntVar(&plan.streams, "streams", 500, "number of idle sockets over HTTP/2 and over HTTP/3 for the memory measurement")
	flag.DurationVar(&plan.settle, "settle", 150*time.Second,
		"how long sockets are idle before memory is read; Go collects the garbage of an idle program every two minutes")
	seconds := flag.Float64("seconds", 1, "duration of each kind of work in a round; 0 skips it")
	flag.IntVar(&plan.rounds, "rounds", 7, "number of rounds; the median counts")
	only := flag.String("only", "", "the servers to measure; default: all that are installed")
	secure := flag.Bool("secure", true, "measure work with TLS")
	cleartext := flag.Bool("cleartext", true, "measure work in cleartext")
	flag.Parse()
	plan.duration = time.Duration(*seconds * float64(time.Second))
	dir, err := os.MkdirTemp("", "usher-bench")
	if err != nil {
		peers.Fatalf("%v", err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "application.sock")
	servers := installed(dir, socket, *only)
	application := startApplication(socket)
	defer application.Stop()

	if plan.sockets > 0 {
		measureMemory(plan, servers)
	}
	if plan.duration == 0 {
		return
	}
	if *cleartext {
		measureWork(plan, servers, false)
	}
	if *secure {
		measureWork(plan, servers, true)
	}
}

// plan is the list of measurements.
type plan struct {
	sockets  int
	streams  int
	settle   time.Duration
	duration time.Duration
	rounds   int
}

// measureWork prints what the servers do for each second of their processor time.
func measureWork(plan plan, servers []server, secure bool) {
	protocol := map[bool]string{false: "Cleartext", true: "TLS"}[secure]
	printHeader(protocol+", per second of the server's processor time", "handshakes", "128-byte echoes", "their p99", "MB of 1 MB echoes")
	done := make([]rounds, len(servers))
	for range plan.rounds {
		for i, server := range servers {
			done[i].add(plan, server, secure)
		}
	}
	for i, server := range servers {
		work := done[i]
		printRow(server, fmt.Sprintf("%.0f", median(work.handshakes)), fmt.Sprintf("%.0f", median(work.short)),
			median(work.p99).Round(10*time.Microsecond).String(), fmt.Sprintf("%.0f", median(work.long)))
	}
}

func printHeader(title string, columns ...string) {
	fmt.Printf("\n%s\n\n| server | %s |\n|%s\n", title, strings.Join(columns, " | "), strings.Repeat("---|", len(columns)+1))
}

func printRow(server server, cells ...string) {
	fmt.Printf("| %s | %s |\n", server.Name, strings.Join(cells, " | "))
}

// rounds is the work of one server, with a value for each round.
type rounds struct {
	handshakes, short, long []float64
	p99                     []time.Duration
}

func (done *rounds) add(plan plan, server server, secure bool) {
	running := server.start(secure)
	defer running.Stop()
	done.handshakes = append(done.handshakes, running.rate(func() float64 { return running.handshakes(plan.duration) }))
	done.short = append(done.short, running.rate(func() float64 {
		count, slow := running.echoes(32, 128, plan.duration)
		done.p99 = append(done.p99, slow)
		return count
	}))
	done.long = append(done.long, running.rate(func() float64 {
		count, _ := running.echoes(4, 1<<20, plan.duration)
		return count
	}))
}

// median returns the middle value, or the upper of the two middle values.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
