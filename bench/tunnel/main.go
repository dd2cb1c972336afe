//go:build linux

// Command tunnel measures what a WebSocket costs behind usher's tunnel, Caddy's own reverse_proxy, nginx and HAProxy, in
// one run: resident memory of an idle socket, handshakes, and echoes of short and long messages. Each server has one
// core, the application and the clients have the others. Work is counted by the second of the server's own processor
// time: the client may well be the slower. The servers work by turns, and the median of their rounds counts, so that who else
// is at work on the machine disturbs all of them alike. Only the ratios mean anything.
//
//	go run ./bench/tunnel [-sockets 3000,10000] [-streams 1000] [-settle 150s] [-seconds 1] [-rounds 7] [-only usher,nginx] [-secure=false] [-cleartext=false]
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "application" {
		serveApplication(os.Args[2])
		return
	}
	var plan plan
	sockets := flag.String("sockets", "3000,10000", "how many idle sockets to measure the memory of; empty leaves it out")
	flag.DurationVar(&plan.settle, "settle", 150*time.Second,
		"how long they are idle before it is read; Go collects the garbage of an idle program every two minutes")
	flag.IntVar(&plan.streams, "streams", 1000, "how many idle sockets over HTTP/2, and over HTTP/3, to measure the memory of; 0 leaves it out")
	seconds := flag.Float64("seconds", 1, "how long each kind of work is done in a round; 0 leaves it out")
	flag.IntVar(&plan.rounds, "rounds", 7, "how often it is done; the median counts")
	only := flag.String("only", "", "the servers to measure; default: all that are installed")
	secure := flag.Bool("secure", true, "measure TLS")
	cleartext := flag.Bool("cleartext", true, "measure cleartext")
	flag.Parse()
	plan.duration = time.Duration(*seconds * float64(time.Second))
	for number := range strings.FieldsFuncSeq(*sockets, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(number)
		if err != nil {
			fatalf("-sockets: want numbers, got %q", number)
		}
		plan.sockets = append(plan.sockets, n)
	}
	most := mostSockets()
	for i, n := range plan.sockets {
		if n > most {
			log.Printf("%d sockets: the limit of file descriptors allows %d", n, most)
			plan.sockets[i] = most
		}
	}
	dir, err := os.MkdirTemp("", "usher-bench")
	if err != nil {
		fatalf("%v", err)
	}
	defer os.RemoveAll(dir)
	servers := installed(dir, *only)
	plan.application = filepath.Join(dir, "application.sock")
	application := startApplication(plan.application)
	defer application.stop()

	if *cleartext {
		measureAll(plan, servers, false)
	}
	if *secure {
		measureAll(plan, servers, true)
		streamMemory(plan, servers)
	}
}

// plan is what is measured of each server.
type plan struct {
	application string // its socket
	sockets     []int
	streams     int
	settle      time.Duration
	duration    time.Duration
	rounds      int
}

func measureAll(plan plan, servers []server, secure bool) {
	protocol := map[bool]string{false: "Cleartext", true: "TLS"}[secure]
	if len(plan.sockets) > 0 {
		var header []string
		for _, n := range plan.sockets {
			header = append(header, fmt.Sprintf("KB a socket of %d", n))
		}
		printHeader(protocol, header...)
		for _, server := range servers {
			var row []string
			for _, n := range plan.sockets {
				row = append(row, fmt.Sprintf("%.1f", idleMemory(plan, server, secure, n)/1024))
			}
			printRow(server, row...)
		}
	}
	if plan.duration == 0 || plan.rounds < 1 {
		return
	}
	printHeader(protocol+", by the second of the server's processor time", "handshakes", "128-byte echoes", "their p99", "MB of 1 MB echoes")
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
	fmt.Printf("| %s | %s |\n", server.name, strings.Join(cells, " | "))
}

// idleMemory is the resident memory of one of n sockets that have said something once, and nothing since.
func idleMemory(plan plan, server server, secure bool, n int) float64 {
	running := server.start(plan.application, secure)
	defer running.stop()
	for range 4 { // what the server allocates once is not a socket's
		running.open().Close()
	}
	time.Sleep(time.Second)
	before := running.resident()
	conns := running.openMany(n)
	time.Sleep(server.settles(plan.settle))
	after := running.resident()
	for _, conn := range conns {
		conn.Close()
	}
	return float64(after-before) / float64(n)
}

// rounds is the work of one server, a value a round.
type rounds struct {
	handshakes, short, long []float64
	p99                     []time.Duration
}

func (done *rounds) add(plan plan, server server, secure bool) {
	running := server.start(plan.application, secure)
	defer running.stop()
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

// median is the middle one, of an even number the upper of the two.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
