package stamp

import (
	"fmt"
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want, why string }{
		{"worker", `new Worker("/static/w.js")`, `new Worker("/static/w.js?v=D")`, "the incident"},
		{"old version", `new Worker("/static/w.js?v=1")`, `new Worker("/static/w.js?v=D")`, "nobody bumps it"},
		{"shared, by its window", "new self.SharedWorker(`/static/w.js`,'x')", "new self.SharedWorker(`/static/w.js?v=D`,'x')", "with a name"},
		{"options", `new Worker("/static/w.js",{name:"x"})`, `new Worker("/static/w.js?v=D",{name:"x"})`, "a classic worker"},
		{"module worker", `new Worker("/static/w.js",{type:"module"})`, `new Worker("/static/w.js",{type:"module"})`, "a module"},
		{"unknown options", `new Worker("/static/w.js",o);new Worker("/static/w.js",{...o})`, `new Worker("/static/w.js",o);new Worker("/static/w.js",{...o})`, "it may be a module"},
		{"relative worker", `new Worker("w.js")`, `new Worker("w.js")`, "against a page that is not known"},
		{"part", `new Worker("/static/w.js"+x);new Worker(x+"/static/w.js")`, `new Worker("/static/w.js"+x);new Worker(x+"/static/w.js")`, "not the URL of an asset"},
		{"other calls", `newWorker("/static/w.js");Worker("/static/w.js");x("/static/w.js");y="/static/w.js"`, `newWorker("/static/w.js");Worker("/static/w.js");x("/static/w.js");y="/static/w.js"`, "who knows what for"},
		{"imported scripts", `importScripts("/static/a.js",'/static/b.js');self.importScripts("/static/c.js")`, `importScripts("/static/a.js?v=D",'/static/b.js?v=D');self.importScripts("/static/c.js?v=D")`, "each"},
		{"service worker", `navigator.serviceWorker.register("/static/sw.js");navigator.serviceWorker.register(new URL("/static/sw.js",import.meta.url))`,
			`navigator.serviceWorker.register("/static/sw.js");navigator.serviceWorker.register(new URL("/static/sw.js",import.meta.url))`, "its URL is its identity"},
		{"address", `new URL("./a.png",import.meta.url);new URL('/static/b.png', import.meta.url)`, `new URL("./a.png?v=D",import.meta.url);new URL('/static/b.png?v=D', import.meta.url)`, "resolved against the script"},
		{"address of another", `new URL("/static/a.png",location)`, `new URL("/static/a.png",location)`, "not loaded from here for certain"},
		{"worker by address", `new Worker(new URL("w.js",import.meta.url))`, `new Worker(new URL("w.js?v=D",import.meta.url))`, "as bundlers know it"},
		{"module worker by address", `new Worker(new URL("/static/w.js",import.meta.url),{"type":'module'})`, `new Worker(new URL("/static/w.js",import.meta.url),{"type":'module'})`, "a module"},
		{"imports", `import"/static/a.js";import x from "/static/b.js";export*from'/static/c.js';import("/static/d.js")`, `import"/static/a.js";import x from "/static/b.js";export*from'/static/c.js';import("/static/d.js")`, "modules"},
		{"relative imports", `import"./a.js";import x from "b"`, `import"./a.js";import x from "b"`, "modules"},
		{"text", `x='new Worker("/static/w.js")';//new Worker("/static/w.js")`, `x='new Worker("/static/w.js")';//new Worker("/static/w.js")`, "no code"},
		{"regular expressions", `x=/"/;if(a)/"/.test(b);new Worker("/static/w.js");y=a/2/"3"`, `x=/"/;if(a)/"/.test(b);new Worker("/static/w.js?v=D");y=a/2/"3"`, "a slash may begin one"},
		{"template", "x=`${new Worker('/static/w.js')}new Worker('/static/w.js')`", "x=`${new Worker('/static/w.js?v=D')}new Worker('/static/w.js')`", "code in text in code"},
		{"escapes", `new Worker("/static/\w.js")`, `new Worker("/static/\w.js")`, "left"},
		{"source map", "importScripts('/static/a.js')\n//# sourceMappingURL=a.js.map", "importScripts('/static/a.js?v=D')\n//# sourceMappingURL=a.js.map", "left"},
		{"empty", `import"";new Worker("")`, `import"";new Worker("")`, "nothing there"},
		{"broken", `new Worker("/static/a.js");"`, `new Worker("/static/a.js?v=D");"`, "what comes before the mistake is known"},
	} {
		config := testConfig()
		config.Scripts = true
		if got := string(New(config).Script([]byte(c.script), "/static/app/../main.js")); got != c.want {
			t.Errorf("Script(%s):\n got %s\nwant %s (%s)", c.name, got, c.want, c.why)
		}
	}
}

// A list of words takes a time in proportion.
func TestScriptOfManyWords(t *testing.T) {
	t.Parallel()
	content := []byte(`new Worker("/static/w.js");words=["` + strings.Repeat(`a","`, 500_000) + `"];importScripts("/static/a.js","/static/b.js")`)
	config := testConfig()
	config.Scripts = true
	if got := len(New(config).Script(content, "/static/main.js")) - len(content); got != 3*len("?v=D") {
		t.Errorf("it grew by %d bytes, want three versions", got)
	}
}

func FuzzScript(f *testing.F) {
	f.Add("new Worker('/static/a.js',{type:\"module\"});import x from '/static/b.js'")
	f.Add("a=/x/;if(b)/'/;`${importScripts(\"/static/a.js\",'b')}`")
	f.Add("new Worker(new URL('./a.js',import.meta.url));x}/2")
	config := markedConfig()
	config.Scripts = true
	f.Fuzz(func(t *testing.T, content string) {
		s := New(config)
		out := s.Script([]byte(content), "/static/main.js")
		if !strings.Contains(content, "import") && !strings.Contains(content, "Worker") && string(out) != content {
			t.Fatalf("%q became %q", content, out)
		}
		if twice := s.Script(out, "/static/main.js"); string(twice) != string(out) {
			t.Errorf("stamped twice: %q, once: %q", twice, out)
		}
		s.Children(Source{"/static/main.js", JavaScript, []byte(content)})
	})
}

func TestStyle(t *testing.T) {
	t.Parallel()
	s := New(testConfig())
	content := []byte("/* a */ b { c: url( '../img/d.png?#e' ) }\n/*# sourceMappingURL=f.css.map */")
	want := "/* a */ b { c: url( '../img/d.png?v=D#e' ) }\n/*# sourceMappingURL=f.css.map */"
	if got := string(s.Style(content, "/static/css/main.css")); got != want {
		t.Errorf("Style = %s, want %s (against the URL of the sheet)", got, want)
	}
	plain := []byte("b { c: url(/media/d.png) }")
	if got := s.Style(plain, "/static/css/main.css"); &got[0] != &plain[0] {
		t.Error("Style copied what it left")
	}
}

func TestChildren(t *testing.T) {
	t.Parallel()
	content := `new Worker("/static/w.js");new Worker("/static/w.js");new Worker("/static/missing.js");new Worker("/media/w.js");
import "./a.js";import "b";new URL("c.png",import.meta.url);new Worker(new URL("/static/d.js",import.meta.url));new Worker("/static/e.js?v=1")`
	got := fmt.Sprint(New(testConfig()).Children(Source{"/static/js/main.js", JavaScript, []byte(content)}))
	want := "[{/static/w.js starts} {/static/js/a.js imports} {/static/js/c.png loads} {/static/d.js starts}]"
	if got != want {
		t.Errorf("Children = %s, want %s", got, want)
	}
}
