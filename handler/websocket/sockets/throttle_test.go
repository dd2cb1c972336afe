package sockets

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// throttled opens a socket with a rate.
func throttled(t testing.TB, r *Registry, limit Rate, info Info) *Socket {
	t.Helper()
	info.Rate = &limit
	return open(t, r, info)
}

// fragment returns a frame that is not the last one of its message.
func fragment(opcode byte, payload string) []byte {
	f := masked(opcode, []byte(payload))
	f[0] &^= finBit
	return f
}

func TestThrottleCountsMessages(t *testing.T) {
	t.Parallel()
	text := masked(1, []byte("hello"))
	for _, c := range []struct {
		name, why string
		stream    []byte
		messages  int
	}{
		{"one", "", text, 1},
		{"three", "text and binary", bytes.Join([][]byte{text, masked(2, make([]byte, 70000)), masked(1, make([]byte, 300))}, nil), 3},
		{"empty", "a message of no bytes costs as much", bytes.Repeat(masked(1, nil), 5), 5},
		{"unmasked", "the application may accept it", bytes.Repeat(frame(1, []byte("a")), 4), 4},
		{"fragments", "one message, with a ping between them (RFC 6455, 5.4)", bytes.Join([][]byte{
			fragment(1, "a"), masked(9, nil), fragment(0, "b"), masked(0, []byte("c")), text}, nil), 2},
		{"control frames", "no messages", bytes.Join([][]byte{masked(9, []byte("x")), masked(10, nil), maskedClose(1000, "")}, nil), 0},
		{"continuation of nothing", "invalid, but an application may accept it", bytes.Repeat(masked(0, []byte("a")), 3), 3},
		{"reserved opcodes", "a later version may use them for data", bytes.Join([][]byte{masked(3, nil), masked(7, nil)}, nil), 2},
		{"message in a payload", "a payload is not looked at", masked(2, bytes.Repeat(text, 20)), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{1, 2, 7, len(c.stream)} {
				if got, passed := countMessages(t, c.stream, step); got != c.messages || !bytes.Equal(passed, c.stream) {
					t.Errorf("in pieces of %d: %d messages and %d bytes, want %d and %d (%s)",
						step, got, len(passed), c.messages, len(c.stream), c.why)
				}
			}
		})
	}
}

const manyMessages = 1 << 30

// countMessages passes a stream through a throttle in pieces, and returns how many messages were taken.
func countMessages(t testing.TB, stream []byte, step int) (messages int, passed []byte) {
	t.Helper()
	now := time.Unix(1e9, 0)
	r := NewRegistry(func() time.Time { return now })
	throttle := throttled(t, r, Rate{Messages: manyMessages, MessagePeriod: time.Hour, Bytes: manyMessages, BytePeriod: time.Hour}, Info{}).HoldThrottle()
	for rest := stream; len(rest) > 0; {
		piece := rest[:min(step, len(rest))]
		for len(piece) > 0 {
			n, err := throttle.Take(piece)
			if err != nil {
				return manyMessages - int(throttle.messages.TokensAt(now)), passed
			}
			passed, piece, rest = append(passed, piece[:n]...), piece[n:], rest[n:]
		}
	}
	return manyMessages - int(throttle.messages.TokensAt(now)), passed
}

// FuzzThrottle compares the messages of any bytes with those that a reader of whole frames finds, for pieces of any length.
func FuzzThrottle(f *testing.F) {
	f.Add([]byte{0x81, 0x80, 1, 2, 3, 4, 0x01, 0}, uint8(1))
	f.Add(bytes.Join([][]byte{fragment(1, "a"), masked(9, nil), masked(0, []byte("c")), masked(2, make([]byte, 300))}, nil), uint8(3))
	f.Add([]byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x81, 0}, uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, step uint8) {
		want, valid := readMessages(stream)
		got, passed := countMessages(t, stream, int(step)+1)
		if got != want || valid && !bytes.Equal(passed, stream) || !bytes.HasPrefix(stream, passed) {
			t.Errorf("%x by %d: %d messages, %d bytes, want %d, %d", stream, int(step)+1, got, len(passed), want, len(stream))
		}
	})
}

// readMessages returns how many messages begin in a stream of frames (RFC 6455, 5.2), up to an invalid length.
func readMessages(stream []byte) (messages int, valid bool) {
	for open := false; len(stream) > 0; {
		first := stream[0]
		if opcode := first & 0x0f; opcode < 8 {
			if opcode != 0 || !open {
				messages++
			}
			open = first < 0x80
		}
		header, length := 2, uint64(0)
		if len(stream) < header {
			return messages, true
		}
		extended := map[byte]int{126: 2, 127: 8}[stream[1]&0x7f]
		if header += extended; extended == 0 {
			length = uint64(stream[1] & 0x7f)
		}
		if stream[1]&0x80 != 0 {
			header += 4
		}
		if len(stream) < header {
			return messages, true
		}
		for _, b := range stream[2 : 2+extended] {
			length = length<<8 | uint64(b)
		}
		if length>>63 == 1 {
			return messages, false
		}
		stream = stream[header:]
		stream = stream[min(length, uint64(len(stream))):]
	}
	return messages, true
}

// A burst passes at once, then messages pass one by one, at their rate and in order.
func TestThrottleSlowsMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		exceeded := 0
		throttle := throttled(t, NewRegistry(time.Now), Rate{
			Messages: 10, MessagePeriod: time.Second, Exceeded: func() { exceeded++ },
		}, Info{}).HoldThrottle()
		started := time.Now()
		stream := bytes.Repeat(masked(1, []byte("hello")), 30)
		n, err := throttle.Take(stream)
		if n != len(stream)/3 || err != nil || time.Since(started) != 0 {
			t.Fatalf("the burst: %d bytes of %d after %v, %v, want 10 messages at once", n, len(stream), time.Since(started), err)
		}
		for stream = stream[n:]; len(stream) > 0; stream = stream[n:] {
			if n, err = throttle.Take(stream); err != nil || n != 11 {
				t.Fatalf("Take = %d, %v, want one message of 11 bytes", n, err)
			}
		}
		if took := time.Since(started); took < 2*time.Second || took > 2100*time.Millisecond || exceeded != 20 {
			t.Errorf("30 messages took %v and %d waits, want 2 s and 20 waits", took, exceeded)
		}
	})
}

// Bytes are limited also where no message begins: within a long one, and in pings.
func TestThrottleSlowsBytes(t *testing.T) {
	t.Parallel()
	for name, stream := range map[string][]byte{
		"long message": masked(2, make([]byte, 100_000)), "pings": bytes.Repeat(masked(9, make([]byte, 119)), 800),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				throttle := throttled(t, NewRegistry(time.Now), Rate{
					Messages: 1, MessagePeriod: time.Second, Bytes: 10_000, BytePeriod: time.Second,
				}, Info{}).HoldThrottle()
				started := time.Now()
				for rest := stream; len(rest) > 0; {
					n, err := throttle.Take(rest)
					if err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
					passed := len(stream) - len(rest)
					if allowed := 10_000 + int(time.Since(started).Seconds()*10_000); passed > allowed {
						t.Fatalf("%d bytes passed in %v, want at most %d", passed, time.Since(started), allowed)
					}
				}
				if took := time.Since(started); took < 9*time.Second || took > 10*time.Second {
					t.Errorf("%d bytes took %v, want about 9 s", len(stream), took)
				}
			})
		})
	}
}

func TestThrottleCloses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		limit  Rate
		stream []byte
		passes int
		want   error
	}{
		{"messages", Rate{Messages: 2, MessagePeriod: time.Hour, Close: true}, bytes.Repeat(masked(1, nil), 3), 12, errTooManyMessages},
		{"bytes", Rate{Messages: 9, MessagePeriod: time.Hour, Bytes: 20, BytePeriod: time.Hour, Close: true}, masked(1, make([]byte, 30)), 0, errTooManyBytes},
		{"invalid length", Rate{Messages: 9, MessagePeriod: time.Hour}, []byte{0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 'a'}, 0, errInvalidFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			exceeded := 0
			c.limit.Exceeded = func() { exceeded++ }
			throttle := throttled(t, NewRegistry(time.Now), c.limit, Info{}).HoldThrottle()
			passed := 0
			for {
				n, err := throttle.Take(c.stream[passed:])
				if passed += n; err == nil {
					continue
				}
				if err != c.want || passed != c.passes || exceeded != 1 {
					t.Errorf("%v after %d bytes, exceeded %d times, want %v after %d, once", err, passed, exceeded, c.want, c.passes)
				}
				return
			}
		})
	}
}

func TestThrottleAllocatesNothing(t *testing.T) {
	message := masked(1, make([]byte, 100))
	throttle := throttled(t, NewRegistry(time.Now), Rate{
		Messages: manyMessages, MessagePeriod: time.Second, Bytes: manyMessages, BytePeriod: time.Second,
	}, Info{}).HoldThrottle()
	if allocations := testing.AllocsPerRun(1000, func() { _, _ = throttle.Take(message) }); allocations != 0 {
		t.Errorf("%v allocations a message, want none", allocations)
	}
	slow := throttled(t, NewRegistry(time.Now), Rate{Messages: 1, MessagePeriod: time.Microsecond}, Info{}).HoldThrottle()
	_, _ = slow.Take(bytes.Repeat(message, 2))
	_, _ = slow.Take(message) // makes the timer
	if allocations := testing.AllocsPerRun(100, func() { _, _ = slow.Take(message) }); allocations != 0 {
		t.Errorf("%v allocations for a message that waits, want none", allocations)
	}
}

func BenchmarkThrottle(b *testing.B) {
	message := masked(1, make([]byte, 100))
	throttle := throttled(b, NewRegistry(time.Now), Rate{
		Messages: manyMessages, MessagePeriod: time.Second, Bytes: manyMessages, BytePeriod: time.Second,
	}, Info{}).HoldThrottle()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := throttle.Take(message); err != nil {
			b.Fatal(err)
		}
	}
}

// A proxy reads the connection itself: its reads are slowed. The client is not idle while it waits.
func TestThrottledReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		r := NewRegistry(time.Now)
		ended := make(endings, 1)
		s := throttled(t, r, Rate{Messages: 1, MessagePeriod: time.Minute}, Info{IdleTimeout: 10 * time.Second, Owner: ended})
		conn := upgraded(t, s, server)
		go func() {
			_, _ = client.Write(bytes.Repeat(masked(1, []byte("hello")), 5))
			_, _ = io.Copy(io.Discard, client)
		}()
		started := time.Now()
		for i := range 5 {
			message := make([]byte, 11)
			if n, err := io.ReadFull(conn, message); err != nil {
				t.Fatalf("message %d: %d bytes, %v after %v", i, n, err, time.Since(started))
			}
			if minutes := int(time.Since(started).Minutes()); minutes != i {
				t.Errorf("message %d came after %v", i, time.Since(started))
			}
		}
		conn.Close()
		s.End()
		<-ended
		client.Close()
	})
}

// A wait ends when the socket ends, whoever ends it.
func TestThrottledReadEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Socket, net.Conn){
		"the gate closes":    func(s *Socket, _ net.Conn) { s.Close(4401, "revoked") },
		"the proxy closes":   func(_ *Socket, conn net.Conn) { conn.Close() },
		"the handler ends":   func(s *Socket, conn net.Conn) { s.End(); conn.Close() },
		"the rate closes it": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := tcpPair(t)
			ended := make(endings, 1)
			s := throttled(t, NewRegistry(time.Now), Rate{Messages: 1, MessagePeriod: time.Hour, Close: end == nil}, Info{Owner: ended})
			conn := upgraded(t, s, server)
			if _, err := client.Write(bytes.Repeat(masked(1, []byte("hello")), 2)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, make([]byte, 11)); err != nil {
				t.Fatal(err)
			}
			read := make(chan error)
			go func() {
				n, err := conn.Read(make([]byte, 100))
				if n > 0 {
					err = errors.New("bytes passed")
				}
				read <- err
			}()
			if end != nil {
				end(s, conn)
			}
			if err := soon(t, "the end of the read", read); err == nil || err.Error() == "bytes passed" {
				t.Errorf("Read: %v, want an end without bytes", err)
			}
			conn.Close()
			s.End()
			if e := soon(t, "the end", ended); end == nil && (e.Code != CodePolicy || e.By != "gate" || e.Reason != "too many messages") {
				t.Errorf("ended %+v, want 1008 by the gate", e)
			}
		})
	}
}

// What the client sends before the proxy takes over the connection counts too.
func TestThrottleCountsEarlyBytes(t *testing.T) {
	t.Parallel()
	throttle := throttled(t, NewRegistry(time.Now), Rate{Messages: 1, MessagePeriod: time.Hour}, Info{}).throttle
	throttle.reads.waiting = bytes.Repeat(masked(1, []byte("hello")), 2)
	p := make([]byte, 100)
	if n, err := throttle.read(nil, p); n != 11 || err != nil {
		t.Fatalf("read = %d, %v, want the first message", n, err)
	}
	throttle.stop()
	if n, err := throttle.read(bytes.NewReader(nil), p); n != 0 || err != io.EOF {
		t.Errorf("read = %d, %v, want no second message", n, err)
	}
}
