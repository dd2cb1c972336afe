//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const handshake = "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// running is a server at work, with its clients.
type running struct {
	process
	address string
	secure  bool
}

// rate is how much of something a second of the server's processor time does.
func (r *running) rate(do func() float64) float64 {
	used := r.processorTime()
	done := do()
	return done / (r.processorTime() - used)
}

func (r *running) open() net.Conn {
	conn, err := r.tryOpen()
	if err != nil {
		fatalf("%s: %v", r.name, err)
	}
	return conn
}

// tryOpen makes a handshake.
func (r *running) tryOpen() (net.Conn, error) {
	raw, err := net.DialTimeout("tcp", r.address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	_ = raw.(*net.TCPConn).SetLinger(0) // a port in TIME_WAIT for each would run out
	conn := raw
	if r.secure {
		conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{"http/1.1"}})
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := shake(conn); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, conn.SetDeadline(time.Time{})
}

func shake(conn net.Conn) error {
	if _, err := io.WriteString(conn, handshake); err != nil {
		return err
	}
	head := make([]byte, 0, 512)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) { // nothing of what follows may be read
		n, err := conn.Read(head[len(head) : len(head)+1])
		if err != nil {
			return err
		}
		if head = head[:len(head)+n]; len(head) == cap(head) {
			return fmt.Errorf("an endless answer: %q", head)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("the answer is %q", head)
	}
	return nil
}

// openMany opens so many sockets that have said something once.
func (r *running) openMany(n int) []net.Conn {
	conns := make([]net.Conn, n)
	var next atomic.Int64
	var openers sync.WaitGroup
	for range 32 {
		openers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				conns[i] = r.open()
				r.echo(conns[i], message(128), make([]byte, 200))
			}
		})
	}
	openers.Wait()
	return conns
}

// handshakes opens and closes as fast as it goes, and returns how often.
func (r *running) handshakes(duration time.Duration) float64 {
	var count atomic.Int64
	var clients sync.WaitGroup
	started := time.Now()
	for range 32 {
		clients.Go(func() {
			for time.Since(started) < duration {
				r.open().Close()
				count.Add(1)
			}
		})
	}
	clients.Wait()
	return float64(count.Load())
}

// echoes sends messages of so many bytes back and forth, and returns how many, and what the slowest of a hundred took.
func (r *running) echoes(clients, size int, duration time.Duration) (count float64, p99 time.Duration) {
	took := make([][]time.Duration, clients)
	var talking sync.WaitGroup
	for i := range clients {
		talking.Go(func() {
			conn := r.open()
			defer conn.Close()
			sent, buffer := message(size), make([]byte, size+14)
			for started := time.Now(); time.Since(started) < duration; {
				began := time.Now()
				r.echo(conn, sent, buffer)
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	talking.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return float64(len(all)), all[len(all)*99/100]
}

// echo sends a message and reads it back.
func (r *running) echo(conn io.ReadWriter, message, buffer []byte) {
	var writing sync.WaitGroup
	if len(message) > 16<<10 {
		writing.Go(func() { _, _ = conn.Write(message) }) // more than the buffers on the way would hold
		defer writing.Wait()
	} else if _, err := conn.Write(message); err != nil {
		fatalf("%s: %v", r.name, err)
	}
	got := buffer[:len(message)]
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
		fatalf("%s: a message did not come back: %v", r.name, err)
	}
}

// message is a frame with so many bytes of payload, masked with zeros.
func message(size int) []byte {
	head := []byte{0x82, 0x80 | 126, 0, 0}
	if size < 1<<16 {
		binary.BigEndian.PutUint16(head[2:], uint16(size))
	} else {
		head = binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, uint64(size))
	}
	return append(append(head, 0, 0, 0, 0), make([]byte, size)...)
}
