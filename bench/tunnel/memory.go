//go:build linux

package main

import (
	"fmt"
	"io"
	"log"
	"time"
)

// transport is a way to open a socket.
type transport struct {
	name    string
	secure  bool
	streams bool // only Caddy has it
	open    func(*running) (io.ReadWriteCloser, error)
}

var transports = []transport{
	{"cleartext", false, false, func(r *running) (io.ReadWriteCloser, error) { return r.tryOpen() }},
	{"TLS", true, false, func(r *running) (io.ReadWriteCloser, error) { return r.tryOpen() }},
	{"over HTTP/2", true, true, func(r *running) (io.ReadWriteCloser, error) { return openHTTP2(r.address) }},
	{"over HTTP/3", true, true, func(r *running) (io.ReadWriteCloser, error) { return openHTTP3(r.address) }},
}

// measureMemory prints the resident memory of idle sockets. A socket over HTTP/2 or 3 has its own connection, which counts too.
func measureMemory(plan plan, servers []server) {
	// the client and the application have the sockets of all servers
	if most := 2 * maxSockets() / len(servers); plan.sockets > most {
		log.Printf("file descriptor limit too low for %d sockets of each server; using %d", plan.sockets, most)
		plan.sockets = most
	}
	var header []string
	rows := make([][]string, len(servers))
	for _, t := range transports {
		n := plan.sockets
		if t.streams {
			n = plan.streams
		}
		header = append(header, fmt.Sprintf("%s, of %d", t.name, n))
		for i, memory := range idleMemory(servers, t, n, plan.settle) {
			cell := ""
			if memory > 0 {
				cell = fmt.Sprintf("%.1f", memory/1024)
			}
			rows[i] = append(rows[i], cell)
		}
	}
	printHeader("KB per idle socket", header...)
	for i, server := range servers {
		printRow(server, rows[i]...)
	}
}

// idleMemory returns the resident memory of each of n sockets that are idle after one message, for each server; 0 for a server
// without the transport. All servers have their sockets open at the same time: memory takes minutes to settle.
func idleMemory(servers []server, t transport, n int, settle time.Duration) []float64 {
	started := make([]*running, len(servers))
	before := make([]int, len(servers))
	sockets := make([][]io.ReadWriteCloser, len(servers))
	for i, server := range servers {
		if t.streams && !server.isCaddy() {
			continue
		}
		r := server.start(t.secure)
		defer r.Stop()
		open := func() (io.ReadWriteCloser, error) { return t.open(r) }
		closeAll(r.openMany(4, 4, open)) // memory that the server allocates once does not count
		time.Sleep(time.Second)
		started[i], before[i] = r, r.Resident()
		sockets[i] = r.openMany(n, 8, open)
	}
	time.Sleep(settle)
	memory := make([]float64, len(servers))
	for i, r := range started {
		if r != nil {
			memory[i] = float64(r.Resident()-before[i]) / float64(n)
			closeAll(sockets[i])
		}
	}
	return memory
}
