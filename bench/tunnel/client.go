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

	"github.com/scan2food/usher/bench/internal/peers"
)

const handshake = "GET /ws/ HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// running is a started server.
type running struct {
	*peers.Process
	address string
	secure  bool
}

// rate returns the work for each second of the server's processor time.
func (r *running) rate(do func() float64) float64 {
	used := r.ProcessorTime()
	done := do()
	return done / (r.ProcessorTime() - used)
}

func (r *running) open() net.Conn {
	conn, err := r.tryOpen()
	if err != nil {
		peers.Fatalf("%s: %v", r.Name, err)
	}
	return conn
}

// tryOpen opens a socket.
func (r *running) tryOpen() (net.Conn, error) {
	raw, err := net.DialTimeout("tcp", r.address, 10*time.Second)
	if err != nil {
		return nil, err
	}
	_ = raw.(*net.TCPConn).SetLinger(0) // without TIME_WAIT, which would use up the ports
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
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) { // reads no byte after the header
		n, err := conn.Read(head[len(head) : len(head)+1])
		if err != nil {
			return err
		}
		if head = head[:len(head)+n]; len(head) == cap(head) {
			return fmt.Errorf("the response header is too long: %q", head)
		}
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("unexpected response: %q", head)
	}
	return nil
}

// openMany opens n sockets with as many workers as given, and exchanges one message on each socket.
func (r *running) openMany(n, workers int, open func() (io.ReadWriteCloser, error)) []io.ReadWriteCloser {
	opened := make([]io.ReadWriteCloser, n)
	var next atomic.Int64
	var openers sync.WaitGroup
	for range workers {
		openers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				socket, err := open()
				if err != nil {
					peers.Fatalf("%s: %v", r.Name, err)
				}
				r.echo(socket, message(128), make([]byte, 200))
				opened[i] = socket
			}
		})
	}
	openers.Wait()
	return opened
}

func closeAll(sockets []io.ReadWriteCloser) {
	for _, socket := range sockets {
		_ = socket.Close()
	}
}

// handshakes opens and closes sockets for the duration, and returns their number.
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

// echoes exchanges messages of a size for the duration, and returns their number and the 99th percentile of the latency.
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

// echo sends a message and reads its echo.
func (r *running) echo(conn io.ReadWriter, message, buffer []byte) {
	var writing sync.WaitGroup
	if len(message) > 16<<10 {
		writing.Go(func() { _, _ = conn.Write(message) }) // longer than the buffers between client and application
		defer writing.Wait()
	} else if _, err := conn.Write(message); err != nil {
		peers.Fatalf("%s: %v", r.Name, err)
	}
	got := buffer[:len(message)]
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
		peers.Fatalf("%s: no echo, or a different one: %v", r.Name, err)
	}
}

// message returns a frame with a payload of the given size, masked with zeros.
func message(size int) []byte {
	head := []byte{0x82, 0x80 | 126, 0, 0}
	if size < 1<<16 {
		binary.BigEndian.PutUint16(head[2:], uint16(size))
	} else {
		head = binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, uint64(size))
	}
	return append(append(head, 0, 0, 0, 0), make([]byte, size)...)
}
