package stamp

import (
	"fmt"
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, script, want, why string }{
		{"worker", `new Worker("/static/w.js")`, `new Worker("/static/w.js?v=D")`, "the worker of the outage"},
		{"old version", `new Worker("/static/w.js?v=1")`, `new Worker("/static/w.js?v=D")`, "the version of the script is outdated"},
		{"worker of a window", "new self.Worker(`/static/w.js`,'x')", "new self.Worker(`/static/w.js?v=D`,'x')", "a string as the second argument is not type=module"},
		{"shared worker", `new SharedWorker("/static/w.js");new self.SharedWorker("/static/w.js","x");new SharedWorker(new URL("/static/w",location))`,
			`new SharedWorker("/static/w.js");new self.SharedWorker("/static/w.js","x");new SharedWorker(new URL("/static/w",location))`, "pages with the same URL share the worker"},
		{"options", `new Worker("/static/w.js",{name:"x"})`, `new Worker("/static/w.js?v=D",{name:"x"})`, "without type the worker is classic"},
		{"module worker", `new Worker("/static/w.js",{type:"module"})`, `new Worker("/static/w.js",{type:"module"})`, "modules keep their URL"},
		{"unknown options", `new Worker("/static/w.js",o);new Worker("/static/w.js",{...o})`, `new Worker("/static/w.js",o);new Worker("/static/w.js",{...o})`, "the options may name type module"},
		{"relative worker", `new Worker("w.js")`, `new Worker("w.js")`, "the URL is relative to the page, which is unknown"},
		{"part", `new Worker("/static/w.js"+x);new Worker(x+"/static/w.js")`, `new Worker("/static/w.js"+x);new Worker(x+"/static/w.js")`, "the literal is only a part of the URL"},
		{"other calls", `newWorker("/static/w.js");Worker("/static/w.js");x("/static/w.js");y="/static/w.js"`, `newWorker("/static/w.js");Worker("/static/w.js");x("/static/w.js");y="/static/w.js"`, "the literal is not known to be a worker's URL"},
		{"imported scripts", `importScripts("/static/a.js",'/static/b.js');self.importScripts("/static/c.js")`, `importScripts("/static/a.js?v=D",'/static/b.js?v=D');self.importScripts("/static/c.js?v=D")`, "each argument is loaded"},
		{"service worker", `navigator.serviceWorker.register("/static/sw.js");navigator.serviceWorker.register(new URL("/static/sw.js",import.meta.url))`,
			`navigator.serviceWorker.register("/static/sw.js");navigator.serviceWorker.register(new URL("/static/sw.js",import.meta.url))`, "the URL of a service worker is its identity"},
		{"new URL", `new URL("./a.png",import.meta.url);new URL('/static/b.png', import.meta.url)`, `new URL("./a.png?v=D",import.meta.url);new URL('/static/b.png?v=D', import.meta.url)`, "the URL is relative to the script"},
		{"new URL of the page", `new URL("/static/a.png",location);new URL("/static/b.png",window.location.href);new URL("/static/c.png",document.baseURI);new URL("/static/d.png",self.location.origin)`,
			`new URL("/static/a.png?v=D",location);new URL("/static/b.png?v=D",window.location.href);new URL("/static/c.png?v=D",document.baseURI);new URL("/static/d.png?v=D",self.location.origin)`,
			"the literal begins with a slash, so that the page does not matter"},
		{"new URL relative to the page", `new URL("a.png",location.href);new URL("./a.png",document.baseURI)`, `new URL("a.png",location.href);new URL("./a.png",document.baseURI)`, "the page is unknown"},
		{"new URL relative to the script", `new URL("a.png",document.currentScript.src)`, `new URL("a.png?v=D",document.currentScript.src)`, "the base is this script"},
		{"new URL with another base", `new URL("/static/a.png",base);new URL("/static/a.png",location.pathname);new URL("/static/a.png",location.href+x);new URL("/static/a.png",x.location)`,
			`new URL("/static/a.png",base);new URL("/static/a.png",location.pathname);new URL("/static/a.png",location.href+x);new URL("/static/a.png",x.location)`, "the base is unknown"},
		{"new URL of a script", `import(new URL("/static/a.js",location));new URL("/static/b.js",location)`, `import(new URL("/static/a.js",location));new URL("/static/b.js",location)`, "the program may import it as a module"},
		{"worker with new URL of the page", `new Worker(new URL("/static/w.js",location));new Worker(new URL("w.js",location.href))`, `new Worker(new URL("/static/w.js?v=D",location));new Worker(new URL("w.js",location.href))`,
			"a worker without options is classic, and only a path with a slash is known"},
		{"module worker with new URL of the page", `new Worker(new URL("/static/w.js",location),{type:"module"})`, `new Worker(new URL("/static/w.js",location),{type:"module"})`, "modules keep their URL"},
		{"service worker with new URL of the page", `navigator.serviceWorker.register(new URL("/static/sw",location))`, `navigator.serviceWorker.register(new URL("/static/sw",location))`, "the URL of a service worker is its identity"},
		{"imported scripts with new URL", `importScripts(new URL("/static/a.js",location))`, `importScripts(new URL("/static/a.js?v=D",location))`, "importScripts loads classic scripts"},
		{"worker with new URL", `new Worker(new URL("w.js",import.meta.url))`, `new Worker(new URL("w.js?v=D",import.meta.url))`, "the form that bundlers support"},
		{"module worker with new URL", `new Worker(new URL("/static/w.js",import.meta.url),{"type":'module'})`, `new Worker(new URL("/static/w.js",import.meta.url),{"type":'module'})`, "modules keep their URL"},
		{"imports", `import"/static/a.js";import x from "/static/b.js";export*from'/static/c.js';import("/static/d.js")`, `import"/static/a.js";import x from "/static/b.js";export*from'/static/c.js';import("/static/d.js")`, "modules keep their URL"},
		{"relative imports", `import"./a.js";import x from "b"`, `import"./a.js";import x from "b"`, "modules keep their URL"},
		{"text", `x='new Worker("/static/w.js")';//new Worker("/static/w.js")`, `x='new Worker("/static/w.js")';//new Worker("/static/w.js")`, "strings and comments are no code"},
		{"regular expressions", `x=/"/;if(a)/"/.test(b);new Worker("/static/w.js");y=a/2/"3"`, `x=/"/;if(a)/"/.test(b);new Worker("/static/w.js?v=D");y=a/2/"3"`, "a slash begins a regular expression or is a division"},
		{"template", "x=`${new Worker('/static/w.js')}new Worker('/static/w.js')`", "x=`${new Worker('/static/w.js?v=D')}new Worker('/static/w.js')`", "a template holds code and text"},
		{"escapes", `new Worker("/static/\w.js")`, `new Worker("/static/\w.js")`, "stays unchanged"},
		{"source map", "importScripts('/static/a.js')\n//# sourceMappingURL=a.js.map", "importScripts('/static/a.js?v=D')\n//# sourceMappingURL=a.js.map", "stays unchanged"},
		{"empty", `import"";new Worker("")`, `import"";new Worker("")`, "an empty URL is no reference"},
		{"broken", `new Worker("/static/a.js");"`, `new Worker("/static/a.js?v=D");"`, "the part before the syntax error is rewritten"},
	} {
		config := testConfig()
		config.Scripts = true
		if got := string(New(config).Script([]byte(c.script), "/static/app/../main.js")); got != c.want {
			t.Errorf("Script(%s):\n got %s\nwant %s (%s)", c.name, got, c.want, c.why)
		}
	}
}

// A script with many strings is rewritten too.
func TestScriptOfManyStrings(t *testing.T) {
	t.Parallel()
	content := []byte(`new Worker("/static/w.js");words=["` + strings.Repeat(`a","`, 500_000) + `"];importScripts("/static/a.js","/static/b.js")`)
	config := testConfig()
	config.Scripts = true
	if got := len(New(config).Script(content, "/static/main.js")) - len(content); got != 3*len("?v=D") {
		t.Errorf("the script grew by %d bytes, want three versions", got)
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
		if !strings.Contains(content, "import") && !strings.Contains(content, "Worker") && !strings.Contains(content, "new URL") && string(out) != content {
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
		t.Errorf("Style = %s, want %s (relative to the stylesheet)", got, want)
	}
	plain := []byte("b { c: url(/media/d.png) }")
	if got := s.Style(plain, "/static/css/main.css"); &got[0] != &plain[0] {
		t.Error("Style copied a stylesheet without references")
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
