package scripts

import (
	"reflect"
	"strings"
	"testing"
)

func TestScanFindsWhatScriptsLoadAndOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, script string
		want         []Reference
	}{
		{"a worker", `new Worker("worker.js", {type: "module"})`, []Reference{{Worker, "worker.js"}}},
		{"a worker by new URL", `new SharedWorker(new URL('./w.js', import.meta.url))`, []Reference{{Worker, "./w.js"}}},
		{"importScripts", `importScripts("a.js")`, []Reference{{ImportScripts, "a.js"}}},
		{"imports", `import x from "./x.js"; import "./y.js"; import("./z.js"); import React from "react"`,
			[]Reference{{Import, "./x.js"}, {Import, "./y.js"}, {Import, "./z.js"}}},
		{"a template", "new WebSocket(`wss://${location.host}/ws/chat/?key=${key}`)",
			[]Reference{{Socket, "wss://" + Computed + "/ws/chat/?key=" + Computed}, {Socket, "wss://" + Computed + "/ws/chat/?key=" + Computed}}},
		{"a template with a condition", "new WebSocket(`${secure ? 'wss' : 'ws'}://${host}/ws/${room ? `r/${room}` : 'all'}/`)",
			[]Reference{{Socket, "://" + Computed + "/ws/r/" + Computed + "/"}}},
		{"a concatenation", `new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/ws/a/')`,
			[]Reference{{Socket, "wss://" + Computed + "/ws/a/"}, {Socket, "wss://"}, {Socket, "ws://"}}},
		{"a computed part", `new WebSocket(location.origin.replace(/^http/, "ws") + "/ws/" + screen + "/?key=" + encodeURIComponent(key))`,
			[]Reference{{Socket, Computed + "/ws/" + Computed + "/?key=" + Computed}}},
		{"a computed worker", `new Worker(base + "worker.js")`, []Reference{{Worker, Computed + "worker.js"}}},
		{"new URL", `new WebSocket(new URL("/ws/c/", location))`, []Reference{{Socket, "/ws/c/"}}},
		{"nothing known", `new WebSocket(url)`, nil},
		{"a variable, no semicolons", "const path = '/ws/b/'\nconst url = base + path\nlet s = new WebSocket(url)\nfoo()", []Reference{{Socket, Computed + "/ws/b/"}}},
		{"comments and regular expressions", `// new Worker("no.js")
			if (x) { y = /new Worker("no.js")/ } /* ws://no/ */ z = a / b / new Worker("yes.js")`, []Reference{{Worker, "yes.js"}}},
		{"nothing", ``, nil},
	} {
		got := Scan(c.script)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHoldsKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want bool
		why  string
	}{
		{`"/ws/chat/?key=0123456789abcdef"`, true, "a key in a URL"},
		{`"/ws/?a=1&Token=0123456789abcdef"`, true, "another name and case"},
		{`"/ws/chat/?key=" + key`, false, "the key is elsewhere"},
		{`"/ws/chat/?key=short"`, false, "a gate accepts no key of 5 characters"},
		{`"/x?monkey=0123456789abcdef"`, false, "another parameter"},
	} {
		if got := HoldsKey(c.text); got != c.want {
			t.Errorf("%s: %t, want %t (%s)", c.text, got, c.want, c.why)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add("new WebSocket(`wss://${a}/b`)")
	f.Add("x = a ? /re/ : `${`${b}`}`")
	f.Add("A=0#") // the lexer reads beyond the end after this error
	f.Fuzz(func(t *testing.T, script string) {
		for _, reference := range Scan(script) {
			if reference.Text == "" || len(reference.Text) > 2048+len(script) {
				t.Errorf("%q: reference %q", script, reference.Text)
			}
		}
	})
}

func TestScanOfNestingIsQuick(t *testing.T) {
	t.Parallel()
	if got := Scan(strings.Repeat("a = (", 200_000)); len(got) != 0 {
		t.Errorf("%d references", len(got))
	}
}
