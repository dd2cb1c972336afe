package shared

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scan2food/usher/internal/memorystorage"
)

// answering has a machine answer questions with its name and the question.
func answering(t *testing.T, m *machine, name string) *machine {
	t.Helper()
	t.Cleanup(m.Answer("name", func(payload []byte) (any, error) {
		var text string
		if err := json.Unmarshal(payload, &text); err != nil {
			return nil, err
		}
		if text == "nothing" {
			return nil, errors.New("no answer")
		}
		return name + " received " + text, nil
	}))
	return m
}

func ask(t *testing.T, m *machine, text string) map[string]string {
	t.Helper()
	answers, err := m.Ask(t.Context(), "name", text)
	if err != nil {
		t.Error(err)
	}
	texts := make(map[string]string)
	for id, answer := range answers {
		var text string
		if err := json.Unmarshal(answer, &text); err != nil {
			t.Error(err)
		}
		texts[id] = text
	}
	return texts
}

func TestQuestionsAreAnsweredByAllOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := answering(t, join(t, &storage, "site", 0), "a")
		b := answering(t, join(t, &storage, "site", 2*time.Minute), "b")
		c := answering(t, join(t, &storage, "site", -2*time.Minute), "c")
		stranger := answering(t, join(t, &storage, "other", 0), "stranger")
		wait(2*Period + time.Millisecond)
		idle := storage.Keys()
		var asks sync.WaitGroup
		for i := range maxQuestions { // several at the same time, as of several operators
			asks.Go(func() {
				text := fmt.Sprint("user 42 number ", i)
				if got := ask(t, a, text); len(got) != 2 || got[b.id] != "b received "+text || got[c.id] != "c received "+text {
					t.Errorf("answers %q, want those of b and c", got)
				}
			})
		}
		wait(time.Millisecond)
		if _, err := a.Ask(t.Context(), "name", "one more"); err == nil {
			t.Errorf("more than %d questions wait, want an error", maxQuestions)
		}
		wait(Period - 2*time.Millisecond) // the round of the others
		if dump := storage.Dump(); strings.Contains(dump, "user 42") || !strings.Contains(dump, "/answers/") {
			t.Errorf("the storage shows a question, or has no answers:\n%s", dump)
		}
		asks.Wait()
		if got := ask(t, stranger, "anybody"); len(got) != 0 {
			t.Errorf("answers %q from another prefix", got)
		}
		wait(2 * Period)
		if keys := storage.Keys(); fmt.Sprint(keys) != fmt.Sprint(idle) {
			t.Errorf("left in the storage: %q, want %q as before", keys, idle)
		}
	})
}

func TestQuestionsEndWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, question, why string
		prepare             func(silent, asks *machine)
		want                int
	}{
		{"one is cut off", "hello", "it may be dead", func(silent, _ *machine) { silent.link.Set(errors.New("away")) }, 1},
		{"one hangs", "hello", "it may be dead", func(silent, _ *machine) { silent.link.Hang() }, 1},
		{"no machine answers", "nothing", "the other machines report an error", func(_, _ *machine) {}, 0},
		{"one leaves", "hello", "it is no peer any more", func(silent, _ *machine) { silent.Stop() }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var storage memorystorage.Storage
				a := answering(t, join(t, &storage, "site", 0), "a")
				b := answering(t, join(t, &storage, "site", 0), "b")
				answering(t, join(t, &storage, "site", 0), "c")
				wait(2*Period + time.Millisecond)
				c.prepare(b, a)
				before := time.Now()
				got := ask(t, a, c.question)
				if len(got) != c.want {
					t.Errorf("answers %q, want %d (%s)", got, c.want, c.why)
				}
				if took := time.Since(before); took > askTimeout {
					t.Errorf("took %s, want at most %s", took, askTimeout)
				}
			})
		})
	}
}

func TestQuestionsOfACanceledCallEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a, b := join(t, &storage, "site", 0), join(t, &storage, "site", 0)
		wait(2*Period + time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if answers, err := a.Ask(ctx, "name", "hello"); err != nil || len(answers) != 0 {
			t.Errorf("Ask = %v, %v, want nothing", answers, err)
		}
		if len(a.waiting()) != 0 {
			t.Error("the question still waits")
		}
		if _, err := b.Ask(t.Context(), "name", strings.Repeat("x", maxQuestion)); err == nil {
			t.Error("a question that is too long is no error")
		}
	})
}

// A node that dies leaves its answers. The others remove them with its object.
func TestAnswersOfADeadNodeAreRemoved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var storage memorystorage.Storage
		a := answering(t, join(t, &storage, "site", 0), "a")
		b := answering(t, join(t, &storage, "site", 0), "b")
		wait(2*Period + time.Millisecond)
		if got := ask(t, a, "hello"); len(got) != 1 {
			t.Fatalf("answers %q, want that of b", got)
		}
		b.link.Set(errors.New("killed")) // before it deletes its answer
		wait(deadAfter + removedAfter + 3*Period)
		if dump := storage.Dump(); strings.Contains(dump, b.id) {
			t.Errorf("the dead node is still there:\n%s", dump)
		}
	})
}
