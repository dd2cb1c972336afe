package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// clients send messages over sockets and compare the echoes.
type clients struct {
	url                     string
	opened, messages, bytes atomic.Int64
	lost                    atomic.Int64 // sockets that were cut, or whose echo was different
	unheard                 atomic.Int64 // connections that a reload closed before a response
	mutex                   sync.Mutex
	first                   error
}

func newClients(address string) *clients { return &clients{url: "ws://" + address + "/ws/"} }

func (c *clients) String() string {
	return fmt.Sprintf("%d sockets opened, %d messages of %d MB echoed, %d sockets lost, %d connections closed by a reload before a response",
		c.opened.Load(), c.messages.Load(), c.bytes.Load()>>20, c.lost.Load(), c.unheard.Load())
}

func (c *clients) firstLoss() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.first
}

// talk keeps count sockets open for the duration. Half of the sockets stay open, the others are replaced after at most stay.
func (c *clients) talk(count int, duration, stay time.Duration) {
	end := time.Now().Add(duration)
	var talking sync.WaitGroup
	for i := range count {
		talking.Go(func() {
			for time.Now().Before(end) {
				until := end
				if leaves := time.Now().Add(rand.N(stay)); i%2 == 1 && leaves.Before(end) {
					until = leaves
				}
				if err := c.talkOnce(until); err != nil {
					c.lose(err)
				}
			}
		})
	}
	talking.Wait()
}

func (c *clients) lose(err error) {
	c.lost.Add(1)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.first == nil {
		c.first = err
	}
}

// talkOnce opens one socket and exchanges messages until the given time.
func (c *clients) talkOnce(until time.Time) error {
	ctx := context.Background()
	conn, _, err := websocket.Dial(ctx, c.url, nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		c.unheard.Add(1) // a reload closes the accept queue of the kernel; browsers retry
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(-1)
	c.opened.Add(1)
	for time.Now().Before(until) {
		if err := c.exchange(ctx, conn); err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.Int64N(int64(time.Second))))
	}
	if rand.IntN(2) == 0 {
		return nil // without a close frame, as many clients do
	}
	return conn.Close(websocket.StatusNormalClosure, "")
}

// exchange sends one message, usually a short one, and compares the echo.
func (c *clients) exchange(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	size := 1 + rand.IntN(300)
	if rand.IntN(100) == 0 {
		size = rand.IntN(1 << 20)
	}
	message := bytes.Repeat([]byte{byte(rand.Int()), byte(rand.Int()), byte(rand.Int())}, size/3+1)
	sent := make(chan error, 1)
	go func() { sent <- conn.Write(ctx, websocket.MessageBinary, message) }()
	_, got, err := conn.Read(ctx)
	if err := errors.Join(err, <-sent); err != nil {
		return fmt.Errorf("message of %d bytes: %w", len(message), err)
	}
	if !bytes.Equal(got, message) {
		return fmt.Errorf("the echo of a message of %d bytes is different, or has %d bytes", len(message), len(got))
	}
	c.messages.Add(1)
	c.bytes.Add(int64(len(message)))
	return nil
}
