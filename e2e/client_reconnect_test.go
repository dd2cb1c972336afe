package e2e

import (
	"fmt"
	"testing"
)

// TestClientReconnects opens sockets that the server closes, and checks the delays and the number of new handshakes.
func TestClientReconnects(t *testing.T) {
	_, ctx := openClientPage(t)
	t.Run("back-off", func(t *testing.T) {
		got := script[struct {
			Waits  []event
			Types  []string
			Timers []float64
		}](t, ctx, `
			timers.length = 0;
			const { socket, events, until } = follow("/ws/drop-growing", { minDelay: 20, maxDelay: 300, random: () => 0.5 });
			const waits = await until("waiting", 7);
			socket.close();
			return { waits, types: events.map(({ type }) => type), timers }`)
		want := []float64{10, 20, 40, 80, 150, 150, 150}
		for i, delay := range want {
			if got.Waits[i].Delay != delay || got.Waits[i].Code != 1006 {
				t.Errorf("wait %d is %v after %d, want %v after 1006", i, got.Waits[i].Delay, got.Waits[i].Code, delay)
			}
			equal(t, "events before a reconnect", got.Types[3*i:3*i+3], []string{"open", "close", "waiting"})
		}
		equal(t, "timers", got.Timers[:len(want)], want)
	})

	t.Run("jitter", func(t *testing.T) {
		waits := script[[][]event](t, ctx, `
			const all = [0, 1, 2, 3].map(() => follow("/ws/drop-jittered", { minDelay: 20 }));
			const waits = await Promise.all(all.map((one) => one.until("waiting", 6)));
			for (const { socket } of all) socket.close();
			return waits`)
		different := make(map[float64]bool)
		for _, of := range waits {
			for i, one := range of[:6] {
				different[one.Delay] = true
				if most := 20 * float64(int(1)<<i); one.Delay < 0 || one.Delay >= most {
					t.Errorf("wait %d is %v, want less than %v", i, one.Delay, most)
				}
			}
		}
		if len(different) < 20 {
			t.Errorf("of 24 waits only %d differ", len(different))
		}
	})

	t.Run("a steady socket starts over", func(t *testing.T) {
		waits := script[[]event](t, ctx, `
			let ahead = 0;
			const { socket, until } = follow("/ws/echo-steady", { minDelay: 20, random: () => 0.5, now: () => Date.now() + ahead });
			for (const after of [0, 0, 9000, 11000]) {
				const opened = (await until("open")).length;
				ahead += after;
				socket.send("drop");
				await until("open", opened + 1);
			}
			socket.close();
			return until("waiting", 4)`)
		for i, want := range []float64{10, 20, 40, 10} {
			if waits[i].Delay != want {
				t.Errorf("wait %d is %v, want %v", i, waits[i].Delay, want)
			}
		}
	})

	t.Run("the server asks for a wait", func(t *testing.T) {
		for _, c := range []struct {
			name, why, path string
			least, most     float64 // with a random number of 0 and of nearly 1
		}{
			{"1013", "ten seconds without a number", "1013", 10_000, 20_000},
			{"1013 with seconds", "the server knows", "1013-seconds", 17_000, 34_000},
			{"1013 with few seconds", "ten are the least", "1013-soon", 10_000, 20_000},
			{"1013 for ever", "a timer of more than 2^31 ms fires at once", "1013-never", 3_600_000, 7_200_000},
			{"4429", "of earlier servers", "4429", 12_000, 24_000},
			{"1001", "all clients at once", "1001", 0, 5_000},
			{"1012", "all clients at once", "1012", 0, 5_000},
		} {
			waits := script[[]event](t, ctx, fmt.Sprintf(`
				const waits = [];
				for (const random of [0, 0.9999]) {
					const { socket, until } = follow("/ws/%s", { minDelay: 10, random: () => random });
					waits.push(...await until("waiting"));
					socket.close();
				}
				return waits`, c.path))
			if got := waits[0].Delay; got != c.least {
				t.Errorf("%s (%s): at least %v, want %v", c.name, c.why, got, c.least)
			}
			if got := waits[1].Delay; got > c.most || got < c.most*0.99 {
				t.Errorf("%s (%s): at most %v, want nearly %v", c.name, c.why, got, c.most)
			}
		}
	})

	t.Run("online", func(t *testing.T) {
		got := script[map[string]int](t, ctx, `
			const slow = follow("/ws/drop-online", { minDelay: 60000, maxDelay: 60000, random: () => 0.9 });
			const asked = follow("/ws/1013-seconds", { minDelay: 10 });
			await slow.until("waiting"), await asked.until("waiting");
			dispatchEvent(new Event("online"));
			await slow.until("open", 2);
			await wait(100);
			slow.socket.close(), asked.socket.close();
			dispatchEvent(new Event("online"));
			await wait(100);
			return { slow: slow.all("open").length, asked: asked.all("open").length }`)
		if got["slow"] != 2 {
			t.Errorf("%d sockets after online once and close(), want 2", got["slow"])
		}
		if got["asked"] != 1 {
			t.Error("online ended a wait that the server had requested")
		}
	})

	t.Run("the client returns after 1013", func(t *testing.T) {
		got := script[struct {
			Types  []string
			Timers []float64
		}](t, ctx, `
			timers.length = 0;
			instant.add(10000);
			const { socket, events, until } = follow("/ws/1013-again", { minDelay: 10, random: () => 0 });
			await until("open", 2);
			instant.delete(10000);
			socket.close();
			return { types: events.map(({ type }) => type), timers }`)
		equal(t, "events", got.Types[:4], []string{"open", "close", "waiting", "open"})
		if got.Timers[0] != 10000 {
			t.Errorf("the client waits %v ms, want 10000", got.Timers[0])
		}
	})
}
