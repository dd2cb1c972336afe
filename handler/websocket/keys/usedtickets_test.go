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
			{1, 10, 10, AlreadyUsed, "the ticket has expired"},
			{1, 10, 11, AlreadyUsed, "long ended"},
		}},
		{"clock goes back", 9, []step{
			{1, 10, 0, FirstUse, "the first"},
			{2, 30, 10, FirstUse, "the first has expired and was dropped"},
			{1, 10, 9, AlreadyUsed, "a delayed request must not use it again"},
			{3, 10, 9, AlreadyUsed, "nor one that may have been dropped with it"},
			{4, 11, 9, FirstUse, "a later ticket was never dropped"},
		}},
		{"full", 2, []step{
			{1, 10, 0, FirstUse, "room for two"},
			{2, 20, 0, FirstUse, "room for two"},
			{3, 30, 0, NoCapacity, "it fails closed"},
			{1, 10, 0, AlreadyUsed, "full, with the earlier uses"},
			{3, 30, 10, FirstUse, "the first has expired and made room"},
			{4, 40, 10, NoCapacity, "full again"},
			{2, 20, 10, AlreadyUsed, "the earlier uses stay"},
		}},
		{"no room at all", 0, []step{{1, 10, 0, NoCapacity, "without room every use is rejected"}}},
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
			t.Fatalf("use %d was rejected below the maximum", i)
		}
	}
	later := noon.Add(time.Minute)
	for i := range many {
		if spent.MarkUsed(useNumber(many+i), later.Add(time.Second), later) != FirstUse {
			t.Fatalf("use %d was rejected, though all earlier ones have expired", i)
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
		t.Errorf("only %d of %d were admitted", total, uses)
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
		{"another header", once.Verify(hs256(`{"alg":"HS256"}`, claims, ticketSecret), "chat", "", noon), true, "the jti identifies a use"},
		{"reloaded", mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Once: true}).
			Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon), true, "a reload allows no second use"},
		{"another route", once.Verify(hs256(plainHeader, claims, ticketSecret), "orders", "", noon), false, "a page opens each of its sockets"},
		{"another signer", once.Verify(hs256(plainHeader, claims, oldTicketSecret), "chat", "", noon), false, "the signer chooses the jti"},
		{"another jti", once.Verify(hs256(plainHeader, strings.Replace(claims, `"a"`, `"b"`, 1), ticketSecret), "chat", "", noon), false, "another ticket"},
	} {
		if c.got.Status != Good || (c.got.UseID == first.UseID) != c.same {
			t.Errorf("Verify(%s) = %+v, want good, and the same use %v (%s)", c.name, c.got, c.same, c.why)
		}
	}
	for _, claims := range []string{`{"aud":"chat","exp":1770811260}`, `{"aud":"chat","exp":1770811260,"jti":""}`} {
		if got := once.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon); got.Status != Unknown || got.Reason != errTicketNoID.Error() {
			t.Errorf("Verify(%s) = %+v, want unknown: a ticket without jti cannot be used once", claims, got)
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

// A handshake that fails for another reason gives the ticket back.
func TestUnmarkedTicketIsGoodAgain(t *testing.T) {
	t.Parallel()
	used, now := NewUsedTickets(10), time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	until := now.Add(time.Minute)
	for _, step := range []struct {
		unmark bool
		want   UseResult
	}{{false, FirstUse}, {false, AlreadyUsed}, {true, FirstUse}, {false, AlreadyUsed}} {
		if step.unmark {
			used.Unmark(UseID{1})
		}
		if got := used.MarkUsed(UseID{1}, until, now); got != step.want {
			t.Errorf("MarkUsed = %v, want %v", got, step.want)
		}
	}
	if got := used.MarkUsed(UseID{1}, until, until); got != AlreadyUsed {
		t.Errorf("MarkUsed = %v after the end, want AlreadyUsed", got)
	}
}
