// Command tunnel measures what a WebSocket costs behind usher's tunnel, Caddy's own reverse_proxy, nginx and HAProxy, in
// one run: resident memory of an idle socket, handshakes, and echoes of short and long messages. Each server has one
// core, the application and the clients have the others. Work is counted by the second of the server's own processor
// time: the client may well be the slower. Only the ratios mean anything.
//
//	go run ./bench/tunnel [-sockets 3000,10000] [-settle 150s] [-seconds 3] [-only usher,nginx] [-secure=false] [-cleartext=false]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
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
	seconds := flag.Float64("seconds", 3, "how long each kind of work is done; 0 leaves it out")
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
	}
}

// plan is what is measured of each server.
type plan struct {
	application string // its socket
	sockets     []int
	settle      time.Duration
	duration    time.Duration
}

func measureAll(plan plan, servers []server, secure bool) {
	header := []string{"server"}
	for _, n := range plan.sockets {
		header = append(header, fmt.Sprintf("KB a socket of %d", n))
	}
	if plan.duration > 0 {
		header = append(header, "handshakes", "128-byte echoes", "their p99", "MB of 1 MB echoes")
	}
	fmt.Printf("\n%s; work is by the second of the server's processor time\n\n", map[bool]string{false: "Cleartext", true: "TLS"}[secure])
	fmt.Printf("| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, server := range servers {
		row := []string{server.name}
		for _, n := range plan.sockets {
			row = append(row, fmt.Sprintf("%.1f", idleMemory(plan, server, secure, n)/1024))
		}
		if plan.duration > 0 {
			row = append(row, work(plan, server, secure)...)
		}
		fmt.Printf("| %s |\n", strings.Join(row, " | "))
	}
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

func work(plan plan, server server, secure bool) []string {
	running := server.start(plan.application, secure)
	defer running.stop()
	handshakes := running.rate(func() float64 { return running.handshakes(plan.duration) })
	var p99 time.Duration
	short := running.rate(func() float64 {
		count, slow := running.echoes(32, 128, plan.duration)
		p99 = slow
		return count
	})
	long := running.rate(func() float64 {
		count, _ := running.echoes(4, 1<<20, plan.duration)
		return count
	})
	return []string{
		fmt.Sprintf("%.0f", handshakes), fmt.Sprintf("%.0f", short),
		p99.Round(10 * time.Microsecond).String(), fmt.Sprintf("%.0f", long),
	}
}
