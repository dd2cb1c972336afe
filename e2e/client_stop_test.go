package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestClientStops checks when the client does not reconnect, and that its events and errors contain no key.
func TestClientStops(t *testing.T) {
	site, ctx := openClientPage(t)
	t.Run("refused", func(t *testing.T) {
		for _, code := range []int{4400, 4401, 4403} {
			path := fmt.Sprint("/ws/", code)
			events := script[[]event](t, ctx, fmt.Sprintf(`
				timers.length = 0;
				const { events, until } = follow("%s?key=a-secret", { minDelay: 10, maxDelay: 10 });
				await until("refused");
				await wait(100);
				return timers.length ? [] : events`, path))
			if len(events) != 3 || events[2].Type != "refused" || events[2].Code != code || events[2].Reason != closings[path].reason {
				t.Errorf("%d: events %+v, want open, close, refused, and no timer", code, events)
			}
			if n := site.count(path); n != 1 {
				t.Errorf("%d: %d handshakes, want 1", code, n)
			}
		}
	})

	t.Run("send and close", func(t *testing.T) {
		got := script[[]string](t, ctx, `
			const got = [], { socket, events, until } = follow(async () => "/ws/echo", { minDelay: 10 });
			got.push("connecting " + socket.send("lost") + " " + socket.readyState);
			await until("open");
			got.push("open " + socket.send("heard") + " " + socket.readyState);
			got.push("heard " + (await until("message"))[0].data);
			socket.close(1000, "done");
			await until("close");
			got.push("closed " + socket.send("lost") + " " + socket.readyState);
			const waiting = follow("/ws/drop-closed", { minDelay: 100, random: () => 0.99 });
			await waiting.until("waiting");
			waiting.socket.close();
			const early = follow("/ws/never");
			early.socket.close();
			await wait(200);
			got.push(events.map(({ type }) => type).join(" "), waiting.events.map(({ type }) => type).join(" "),
				early.events.map(({ type }) => type).join(" "));
			return got`)
		want := []string{"connecting false 0", "open true 1", "heard heard", "closed false 3",
			"open message close", "open close waiting", "close"}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if n := site.count("/ws/drop-closed"); n != 1 {
			t.Errorf("%d handshakes, want none after close()", n)
		}
	})

	t.Run("errors", func(t *testing.T) {
		got := script[string](t, ctx, `
			const errors = [];
			for (const url of ["ws://[a-secret", "mailto:a-secret"])
				try { new UsherSocket(url); errors.push("no error"); } catch (error) { errors.push(error.name + error.message + error.stack); }
			for (const [url, options] of [[() => "ws://[a-secret"], [() => { throw new Error("a-secret"); }], ["/ws/echo", { protocols: "a-secret()" }]]) {
				const { socket, events, until } = follow(url, { minDelay: 10, ...options });
				socket.addEventListener("close", ({ reason }) => errors.push(reason));
				await until("waiting", 2);
				socket.close();
				errors.push(JSON.stringify(events));
			}
			for (const options of [{ minDelay: 0 }, { minDelay: 9, maxDelay: 8 }, { minDelay: NaN }, { renew: { url: "/", every: 0 } }])
				try { new UsherSocket("/ws/echo", options); errors.push("no error"); } catch (error) { errors.push(error.name); }
			return errors.join()`)
		if strings.Contains(got, "a-secret") || strings.Contains(got, "no error") || strings.Count(got, "RangeError") != 4 {
			t.Errorf("errors are %s", got)
		}
	})

	t.Run("reloadOnce", func(t *testing.T) {
		got := script[[]bool](t, ctx, `
			let time = 1e12, reloads = 0;
			const kept = {}, storage = { getItem: (key) => kept[key] ?? null, setItem: (key, value) => { kept[key] = value; } };
			const options = { storage, reload: () => reloads++, now: () => time };
			const got = [reloadOnce("a", options), reloadOnce("a", options), reloadOnce("b", options)];
			time += 59999;
			got.push(reloadOnce("a", options));
			time += 1;
			got.push(reloadOnce("a", options));
			kept["usher-socket"] = "damaged";
			got.push(reloadOnce("a", options));
			const full = { getItem: () => null, setItem: () => { throw new Error("full"); } };
			got.push(reloadOnce("c", { ...options, storage: full }), reloadOnce("c", { ...options, storage: null }), reloads === 4);
			return got`)
		if want := []bool{true, false, true, false, true, true, false, false, true}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})

	t.Run("outdated page", func(t *testing.T) {
		if err := chromedp.Do(ctx, chromedp.Navigate(site.URL+"/outdated")); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the second load and its socket", func() bool { return site.count("/ws/outdated") == 2 })
		waitFor(t, "the event of the second page", func() bool { return textOf(t, ctx, "events") != "" })
		if loads, handshakes := site.count("/outdated"), site.count("/ws/outdated"); loads != 2 || handshakes != 2 {
			t.Errorf("%d loads and %d handshakes, want 2 and 2", loads, handshakes)
		}
		if got := textOf(t, ctx, "events"); got != "refused 4408" {
			t.Errorf("events of the reloaded page: %q, want refused 4408", got)
		}
		memory := script[string](t, ctx, `return JSON.stringify(sessionStorage)`)
		if !strings.Contains(memory, "/ws/outdated") || strings.Contains(memory, "a-secret") {
			t.Errorf("the storage holds %s", memory)
		}
	})
}

// TestClientInWorker runs the client in a module worker, which cannot reload the page.
func TestClientInWorker(t *testing.T) {
	site, ctx := openClientPage(t)
	got := script[[]string](t, ctx, `
		const got = [], worker = new Worker("/worker.js", { type: "module" });
		await new Promise((done, fail) => {
			worker.onerror = () => fail(new Error("the worker failed"));
			worker.onmessage = ({ data }) => got.push(data) === 2 && done();
			setTimeout(done, 5000);
		});
		await wait(200);
		worker.terminate();
		return got.sort()`)
	if fmt.Sprint(got) != "[from the worker outdated 4408 3]" {
		t.Errorf("events of the worker: %q", got)
	}
	if n := site.count("/ws/outdated-too"); n != 1 {
		t.Errorf("%d handshakes of an outdated worker, want 1", n)
	}
}

// TestClientRenewsTickets checks when the client requests a new ticket cookie.
func TestClientRenewsTickets(t *testing.T) {
	site, ctx := openClientPage(t)
	// First the interval. Then two reconnects, after an old renewal and after a new one. Then a renewal that fails.
	left := script[int](t, ctx, `
		const often = follow("/ws/echo-often", { renew: { url: "/renew/often", every: 100 } });
		await often.until("open");
		const renewals = () => performance.getEntriesByName(location.origin + "/renew/often").length;
		while (renewals() < 3) await wait(5);
		often.socket.close();
		await wait(50); // for a renewal that has started
		const before = renewals();
		await wait(250);
		const left = renewals() - before;
		let ahead = 0;
		const old = follow("/ws/echo-old", { minDelay: 10, now: () => Date.now() + ahead, renew: { url: "/renew/old", every: 3600000 } });
		await old.until("open");
		ahead = 7200000;
		old.socket.send("drop");
		await old.until("open", 2);
		old.socket.send("drop");
		await old.until("open", 3);
		old.socket.close();
		ahead = 0;
		const fails = follow("/ws/echo-fails", { minDelay: 10, now: () => Date.now() + ahead, renew: { url: "/renew/fails", every: 3600000 } });
		await fails.until("open");
		ahead = 7200000;
		fails.socket.send("drop");
		await fails.until("open", 2);
		fails.socket.close();
		return left`)
	if left != 0 {
		t.Errorf("%d renewals after close()", left)
	}
	equal(t, "a renewal comes before the reconnect", site.requestsFor("/renew/old", "/ws/echo-old"),
		[]string{"/ws/echo-old", "/renew/old", "/ws/echo-old", "/ws/echo-old"})
	if n := site.count("/renew/fails"); n != 1 {
		t.Errorf("%d renewals that fail, want 1", n)
	}
	site.mutex.Lock()
	defer site.mutex.Unlock()
	if len(site.badRenewals) > 0 {
		t.Errorf("renewals without HEAD, no-store or the cookie: %v", site.badRenewals)
	}
}
