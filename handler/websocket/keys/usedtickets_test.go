package keys

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func useNumber(number int) (use UseID) {
	binary.BigEndian.PutUint64(use[:], uint64(number))
	return use
}

func TestMarkUsed(t *testing.T) {
	t.Parallel()
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	type step struct {
		use, until, now int
		want            UseResult
		why             string
	}
	for _, c := range []struct {
		name    string
		maximum int
		steps   []step
	}{
		{"twice", 9, []step{
			{1, 10, 0, FirstUse, "the first"},
			{1, 10, 0, AlreadyUsed, "the second"},
			{1, 10, 9, AlreadyUsed, "not even later"},
			{2, 10, 9, FirstUse, "another"},
		}},
		{"ended", 9, []step{
			{1, 10, 10, AlreadyUsed, "it has ended: nobody would remember it"},
			{1, 10, 11, AlreadyUsed, "long ended"},
		}},
		{"clock goes back", 9, []step{
			{1, 10, 0, FirstUse, "the first"},
			{2, 30, 10, FirstUse, "the first has ended, and is forgotten"},
			{1, 10, 9, AlreadyUsed, "a request that was overtaken must not use it again"},
			{3, 10, 9, AlreadyUsed, "nor any that may have been forgotten with it"},
			{4, 11, 9, FirstUse, "what ends later was never forgotten"},
		}},
		{"full", 2, []step{
			{1, 10, 0, FirstUse, "room for two"},
			{2, 20, 0, FirstUse, "room for two"},
			{3, 30, 0, NoCapacity, "it fails closed"},
			{1, 10, 0, AlreadyUsed, "full, and it still remembers"},
			{3, 30, 10, FirstUse, "the first has ended and made room"},
			{4, 40, 10, NoCapacity, "full again"},
			{2, 20, 10, AlreadyUsed, "and it still remembers"},
		}},
		{"no room at all", 0, []step{{1, 10, 0, NoCapacity, "it remembers nothing, so it admits nobody"}}},
	} {
		spent := NewUsedTickets(c.maximum)
		for i, s := range c.steps {
			if got := spent.MarkUsed(useNumber(s.use), at(s.until), at(s.now)); got != s.want {
				t.Errorf("%s: step %d: Spend = %v, want %v (%s)", c.name, i+1, got, s.want, s.why)
			}
		}
	}
}

func TestMarkUsedForgetsEndedTickets(t *testing.T) {
	t.Parallel()
	const many = 1000
	spent := NewUsedTickets(many)
	for i := range many {
		if spent.MarkUsed(useNumber(i), noon.Add(time.Duration(1+i%7)*time.Second), noon) != FirstUse {
			t.Fatalf("use %d was refused below the maximum", i)
		}
	}
	later := noon.Add(time.Minute)
	for i := range many {
		if spent.MarkUsed(useNumber(many+i), later.Add(time.Second), later) != FirstUse {
			t.Fatalf("use %d was refused, though all before it have ended", i)
		}
	}
	if len(spent.expiries) != many || len(spent.used) != many {
		t.Errorf("%d ends and %d uses are held, want the last %d", len(spent.expiries), len(spent.used), many)
	}
}

func TestMarkUsedOnceOfThousands(t *testing.T) {
	t.Parallel()
	tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Once: true})
	token := mustIssue(t, tickets, "", "chat", "orders")
	spent := NewUsedTickets(1 << 10)
	var admitted atomic.Int32
	var group sync.WaitGroup
	for range 1000 {
		group.Go(func() {
			verdict := tickets.Verify(token, "chat", "", noon)
			if verdict.Status == Good && spent.MarkUsed(verdict.UseID, verdict.Until, noon) == FirstUse {
				admitted.Add(1)
			}
		})
	}
	group.Wait()
	if admitted.Load() != 1 {
		t.Errorf("%d of 1000 were admitted with one ticket, want 1", admitted.Load())
	}
}

// Concurrent handshakes in any order, with clocks that differ, never use one ticket twice.
func TestMarkUsedNeverTwice(t *testing.T) {
	t.Parallel()
	const uses = 200
	spent := NewUsedTickets(50)
	var admitted [uses]atomic.Int32
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for step := range 5000 {
				number := random.IntN(uses)
				now := noon.Add(time.Duration(step/25+random.IntN(20)-10) * time.Second)
				until := noon.Add(time.Duration(number+5) * time.Second)
				if now.Before(until) && spent.MarkUsed(useNumber(number), until, now) == FirstUse {
					admitted[number].Add(1)
				}
			}
		})
	}
	group.Wait()
	var total int32
	for number := range admitted {
		count := admitted[number].Load()
		if total += count; count > 1 {
			t.Errorf("use %d was admitted %d times", number, count)
		}
	}
	if total < uses/2 {
		t.Errorf("%d of %d were admitted: nearly nothing was tried", total, uses)
	}
}

func TestVerifyOnce(t *testing.T) {
	t.Parallel()
	once := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret, oldTicketSecret}, Once: true})
	often := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
	claims := `{"aud":["chat","orders"],"exp":1770811260,"jti":"a"}`
	first := once.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon)
	if first.Status != Good || first.UseID == (UseID{}) {
		t.Fatalf("Verify = %+v, want a good ticket with its use", first)
	}
	for _, c := range []struct {
		name string
		got  TicketResult
		same bool
		why  string
	}{
		{"again", once.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon.Add(time.Second)), true, "one ticket"},
		{"another header", once.Verify(hs256(`{"alg":"HS256"}`, claims, ticketSecret), "chat", "", noon), true, "the jti tells it"},
		{"reloaded", mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Once: true}).
			Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon), true, "a reload gives no second use"},
		{"another route", once.Verify(hs256(plainHeader, claims, ticketSecret), "orders", "", noon), false, "a page opens each of its sockets"},
		{"another signer", once.Verify(hs256(plainHeader, claims, oldTicketSecret), "chat", "", noon), false, "who signs chooses its jti"},
		{"another jti", once.Verify(hs256(plainHeader, strings.Replace(claims, `"a"`, `"b"`, 1), ticketSecret), "chat", "", noon), false, "another ticket"},
	} {
		if c.got.Status != Good || (c.got.UseID == first.UseID) != c.same {
			t.Errorf("Verify(%s) = %+v, want good, and the same use %v (%s)", c.name, c.got, c.same, c.why)
		}
	}
	for _, claims := range []string{`{"aud":"chat","exp":1770811260}`, `{"aud":"chat","exp":1770811260,"jti":""}`} {
		if got := once.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon); got.Status != Unknown || got.Reason != errTicketNoID.Error() {
			t.Errorf("Verify(%s) = %+v, want unknown: nothing tells it from others", claims, got)
		}
		if got := often.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon); got.Status != Good || got.UseID != (UseID{}) {
			t.Errorf("Verify(%s) = %+v, want good: no jti is required", claims, got)
		}
	}
}

func BenchmarkSpend(b *testing.B) {
	spent := NewUsedTickets(1 << 18)
	b.ReportAllocs()
	number := 0
	for b.Loop() { // 100,000 a second, each valid for one second: the number stays constant
		now := noon.Add(time.Duration(number) * 10 * time.Microsecond)
		if spent.MarkUsed(useNumber(number), now.Add(time.Second), now) != FirstUse {
			b.Fatal("refused")
		}
		number++
	}
}
