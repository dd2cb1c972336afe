package stamp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  string // names below /static/, those that get the prefix
		why   string
	}{
		{"a graph", map[string]string{"a.js": `import "./b/b.js"`, "b/b.js": `import "../c.js";export default 1`, "c.js": "export {}"}, "a.js b/b.js c.js", "relative all through"},
		{"an absolute import", map[string]string{"a.js": `import "/static/b.js"`, "b.js": "export {}", "c.js": `import "./b.js"`, "d.js": "export {}"}, "d.js", "b would run twice, and belongs to both others"},
		{"with the importer", map[string]string{"a.js": `import "./b.js";import "./c.js"`, "b.js": `import "/static/c.js?x#y"`, "c.js": "export {}", "d.js": "export {}"}, "d.js", "all of a graph or none"},
		{"a host", map[string]string{"a.js": `import "https://example.com/static/b.js"`, "b.js": "export {}"}, "", "it may be this one"},
		{"another site", map[string]string{"a.js": `import "https://esm.example/b.js";import "data:text/javascript,1"`}, "a.js", "of no matter"},
		{"a literal", map[string]string{"a.js": `const s=document.createElement("script");s.src="/static/b.js"`, "b.js": "export {}"}, "a.js", "it may be loaded by it"},
		{"a literal of nothing", map[string]string{"a.js": `const s="/static/";t="/static/img.png"`, "b.js": "export {}"}, "a.js b.js", "no script's"},
		{"workers", map[string]string{"a.js": `new Worker("/static/b.js",{type:"module"});new Worker("/static/b.js");navigator.serviceWorker.register("/static/b.js")`, "b.js": "export {}"}, "a.js b.js", "a worker has modules of its own"},
		{"a worker by address", map[string]string{"a.js": `new Worker(new URL("./b.js",import.meta.url),{type:"module"})`, "b.js": `import "./c.js"`, "c.js": `import "/static/c.js"`}, "", "it inherits the prefix"},
		{"resolve", map[string]string{"a.js": `f(import.meta.resolve("./b.js"))`, "b.js": `import "/static/b.js"`}, "", "an import in two steps"},
		{"names", map[string]string{"a.js": `import "b";import("lang/"+x)`, "b.js": "export {}"}, "a.js b.js", "they are for the import map"},
		{"computed", map[string]string{"a.js": `export {};import(x)`, "b.js": "export {}"}, "", "it may be any of them"},
		{"computed below", map[string]string{"a.js": "export {};import(`./lang/${x}.js`)", "lang/en.js": "export {}", "lang/fr.js": `import "b"`, "x.js": `import "/static/x.js"`, "y.js": `import "./lang/en.js"`}, "a.js lang/en.js lang/fr.js y.js", "relative to the importer"},
		{"torn below", map[string]string{"a.js": "export {};import(`./lang/${x}.js`)", "lang/en.js": "export {}", "lang/fr.js": `import "/static/lang/en.js"`, "y.js": `export {}`}, "y.js", "one of them cannot"},
		{"computed absolute", map[string]string{"a.js": `export {};import("/static/lang/"+x)`, "lang/en.js": "export {}", "y.js": "export {}"}, "a.js y.js", "those that begin so"},
		{"classic", map[string]string{"a.js": `import("./b.js")`, "b.js": "export {}", "c.js": "export {}"}, "c.js", "a script that is no module has no prefix to hand down"},
		{"property", map[string]string{"a.js": `x.import("./b.js");y={import:1,export:2};z.export`, "b.js": "export {}"}, "a.js b.js", "no import"},
		{"leaves", map[string]string{"a.js": `import "../media/x.js"`, "b/c.js": `import "../../static/a.js"`, "d/e.js": `import "../f.js"`, "f.js": "export {}"}, "d/e.js f.js", "above the prefix there is no generation"},
		{"circle", map[string]string{"a.js": `import "./b.js"`, "b.js": `import "./a.js"`}, "a.js b.js", "no matter"},
		{"missing", map[string]string{"a.js": `import "./none.js"`}, "a.js", "it is missing in either case"},
		{"versions", map[string]string{"h-1.js": `import "./h-2.js"`, "h-2.js": "export {}"}, "", "their names are versions already"},
		{"mixed", map[string]string{"a.js": `import "./h-2.js"`, "h-2.js": "export {}"}, "a.js h-2.js", "all of a graph"},
		{"unreadable", map[string]string{"a.js": `export {};x="`, "b.js": "export {}"}, "", "the rest is not known"},
		{"escapes", map[string]string{"a.js": `import "./\x62.js"`, "b.js": "export {}"}, "", "left unread"},
		{"comments", map[string]string{"a.js": `import "./b.js" // "/static/b.js"` + "\n/* import(x) */", "b.js": "/import(x)/.test('');export {}"}, "a.js b.js", "no code"},
	} {
		s := New(testConfig())
		links := make(map[string]Links)
		for name, content := range c.files {
			links["/static/"+name] = s.Links("/static/"+name, []byte(content))
		}
		good := Whole(links, func(path string) bool { return !strings.Contains(path, "h-") })
		got := strings.ReplaceAll(strings.Join(slices.Sorted(maps.Keys(good)), " "), "/static/", "")
		if got != c.want {
			t.Errorf("%s: %q get the prefix, want %q (%s)", c.name, got, c.want, c.why)
		}
	}
}

// Where a graph has the prefix, no module of it is reached by its plain URL: an import that is followed from the prefix
// stays in it, and none of all scripts names it otherwise.
func FuzzLinks(f *testing.F) {
	f.Add("import './b.js';import('/static/c.js')", "export {};import(`./${x}`)")
	f.Add("x='/static/c.js'", "import '../static/b.js'")
	f.Fuzz(func(t *testing.T, a, b string) {
		s := New(testConfig())
		links := map[string]Links{"/static/c.js": {}}
		for i, content := range []string{a, b} {
			name := fmt.Sprintf("/static/%c.js", 'a'+i)
			links[name] = s.Links(name, []byte(content))
		}
		good := Whole(links, func(string) bool { return true })
		for name, l := range links {
			for _, child := range slices.Concat(l.Names, l.Imports) {
				if good[child] {
					t.Errorf("%s is named by %s, and has the prefix", child, name)
				}
			}
			for _, child := range l.Inherits {
				if _, known := links[child]; known && good[child] != good[name] {
					t.Errorf("%s imports %s, and one of them has the prefix", name, child)
				}
			}
		}
	})
}
