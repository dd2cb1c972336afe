package stamp

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"testing"
)

// sha384Pin is the value of an integrity attribute that pins content.
func sha384Pin(content []byte) string {
	sum := sha512.Sum384(content)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestPageWithModules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, page, want, why string }{
		{"module", `<script type=Module src="/static/js/a.js?v=1#x"></script>`, `<script type=Module src="/static/~g1/js/a.js?v=1#x"></script>`, "the path, and nothing else"},
		{"module of a host", `<script type=module src="//example.com/static/a%20b.js"></script>`, `<script type=module src="//example.com/static/~g1/a%20b.js"></script>`, "the host stays"},
		{"relative", `<link rel=modulepreload href=../static/./a.js>`, `<link rel=modulepreload href=/static/~g1/a.js>`, "from the root"},
		{"already", `<script type=module src="/static/~g1/a.js"></script>`, `<script type=module src="/static/~g1/a.js"></script>`, "stamping twice is stamping once"},
		{"classic", `<script nomodule src="/static/a.js"></script>`, `<script nomodule src="/static/a.js?v=D"></script>`, "no module"},
		{"import map", `<script type="importmap">{"imports":{"a":"/static/a.js", "b/":"/static/b/","/static/c.js":"../static/d.js?x","e":"/media/e.js"},"scopes":{"/static/f/":{"g":"\/static\/g.js"}},"x":{"y":"/static/y.js"},"integrity":{"/static/a.js":"sha384-x"}}</script>`,
			`<script type="importmap">{"imports":{"a":"/static/~g1/a.js", "b/":"/static/~g1/b/","/static/~g1/c.js":"/static/~g1/d.js?x","e":"/media/e.js"},"scopes":{"/static/~g1/f/":{"g":"/static/~g1/g.js"}},"x":{"y":"/static/y.js"},"integrity":{"/static/~g1/a.js":"sha384-x"}}</script>`, "addresses, and keys that are URLs"},
		{"broken import map", `<script type="importmap">{"imports":{"a":"/static/a.js",}}</script>`, `<script type="importmap">{"imports":{"a":"/static/a.js",}}</script>`, "browsers drop it too"},
		{"inline module", `<script type=module>import "../static/a.js";import b from "b";new Worker("/static/w.js")</script>`, `<script type=module>import "/static/~g1/a.js";import b from "b";new Worker("/static/w.js")</script>`, "from the page's URL; no scripts without being asked"},
		{"inline script", `<script>import("/static/a.js");new Worker("/static/w.js")</script>`, `<script>import("/static/~g1/a.js");new Worker("/static/w.js")</script>`, "it imports modules too; other scripts are not asked for"},
		{"module that stays", `<script type=module src=/static/plain.js></script><link rel=modulepreload href=/static/a.js>`, `<script type=module src=/static/plain.js></script><link rel=modulepreload href=/static/~g1/a.js>`, "its graph cannot have the prefix, others can"},
		{"computed import", `<script>import("/static/"+x)</script><script type=module src=/static/a.js></script><script src=/static/a.js></script>`, `<script>import("/static/"+x)</script><script type=module src=/static/a.js></script><script src=/static/a.js?v=D></script>`, "it may be any of them"},
		{"named elsewhere", `<script type=module>f("/static/a.js");import "/static/b.js"</script><script>f("/static/plain.js");import("/static/b.js")</script>`, `<script type=module>f("/static/a.js");import "/static/b.js"</script><script>f("/static/plain.js");import("/static/b.js")</script>`, "who knows what for"},
		{"nothing of it", `<script>f("/static/plain.js");import("/static/b.js")</script>`, `<script>f("/static/plain.js");import("/static/~g1/b.js")</script>`, "what stays may be named"},
		{"torn directory", `<script type=importmap>{"imports":{"a":"/static/a.js","t/":"/static/torn/"}}</script><script type=module>import "/static/b.js"</script>`, `<script type=importmap>{"imports":{"a":"/static/a.js","t/":"/static/torn/"}}</script><script type=module>import "/static/b.js"</script>`, "modules of both kinds would be reached by it"},
		{"directory above", `<script type=importmap>{"imports":{"t/":"/"}}</script><script type=module src="/static/b.js"></script>`, `<script type=importmap>{"imports":{"t/":"/"}}</script><script type=module src="/static/b.js"></script>`, "it cannot have the prefix"},
		{"whole directory", `<script type=importmap>{"imports":{"t/":"/static/"}}</script>`, `<script type=importmap>{"imports":{"t/":"/static/~g1/"}}</script>`, "all that is served"},
		{"policy of paths", `<meta http-equiv="Content-Security-Policy" content="script-src https://example.com/static/js/"><script type=module src=/static/js/a.js></script><script src=/static/js/a.js></script>`, `<meta http-equiv="Content-Security-Policy" content="script-src https://example.com/static/js/"><script type=module src=/static/js/a.js></script><script src=/static/js/a.js?v=D></script>`, "the path of the generation would not be allowed"},
		{"policy of the prefix", `<meta http-equiv="Content-Security-Policy" content="script-src https://example.com/static/; x"><script type=module src=/static/js/a.js></script>`, `<meta http-equiv="Content-Security-Policy" content="script-src https://example.com/static/; x"><script type=module src=/static/~g1/js/a.js></script>`, "it is below that too"},
		{"policy", `<meta http-equiv="Content-Security-Policy" content="script-src &#39;sha256-abc&#39;"><script type=importmap>{"imports":{"a":"/static/a.js"}}</script><script type=module src=/static/a.js></script><style>a{b:url(/static/a.png)}</style><p style="a:url(/static/a.png)"><script src=/static/a.js></script>`,
			`<meta http-equiv="Content-Security-Policy" content="script-src &#39;sha256-abc&#39;"><script type=importmap>{"imports":{"a":"/static/a.js"}}</script><script type=module src=/static/a.js></script><style>a{b:url(/static/a.png)}</style><p style="a:url(/static/a.png)"><script src=/static/a.js?v=D></script>`, "what a digest pins stays, and the modules with it"},
		{"policy without digests", `<meta http-equiv="Content-Security-Policy" content="script-src 'self'"><script type=module src=/static/a.js></script>`, `<meta http-equiv="Content-Security-Policy" content="script-src 'self'"><script type=module src=/static/~g1/a.js></script>`, "nothing is pinned"},
	} {
		config := testConfig()
		withModules(&config)
		for _, size := range []int{len(c.page), 1} {
			if got := stamped(config, c.page, size); got != c.want {
				t.Errorf("%s in pieces of %d:\n got %s\nwant %s (%s)", c.name, size, got, c.want, c.why)
			}
		}
	}
}

func TestPageWithScripts(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Scripts = true
	page := `<script>new Worker("../static/a.js")</script><script type="application/json">"new Worker('/static/a.js')"</script><script src=/media/x.js>new Worker("/static/a.js")</script>`
	want := `<script>new Worker("../static/a.js?v=D")</script><script type="application/json">"new Worker('/static/a.js')"</script><script src=/media/x.js>new Worker("/static/a.js")</script>`
	for _, size := range []int{len(page), 1} {
		if got := stamped(config, page, size); got != want {
			t.Errorf("in pieces of %d:\n got %s\nwant %s", size, got, want)
		}
	}
}

func TestPageIntegrity(t *testing.T) {
	t.Parallel()
	config := testConfig()
	withModules(&config)
	old, now := sha384Pin([]byte("old")), sha384Pin([]byte("now"))
	config.Integrity = func(path, present string) (string, bool) {
		return now, present == old || present == "" && path == "/static/add.js"
	}
	for _, c := range []struct{ name, page, want, why string }{
		{"true", `<script integrity="` + old + `" src="/static/a.js"></script>`, `<script integrity="` + now + `" src="/static/a.js?v=D"></script>`, "kept true, though it stands before the URL"},
		{"false", `<script src=/static/a.js integrity=sha384-x></script>`, `<script src=/static/a.js?v=D integrity=sha384-x></script>`, "what was false stays so"},
		{"added", `<script src="/static/add.js"></script><script src=../static/add.js></script>`, `<script src="/static/add.js?v=D" integrity="` + now + `"></script><script src=../static/add.js?v=D integrity="` + now + `"></script>`, "as asked for"},
		{"bare", `<script src=/static/add.js integrity></script><script integrity= src=/static/b.js></script>`, `<script src=/static/add.js?v=D integrity="` + now + `"></script><script integrity= src=/static/b.js></script>`, "an attribute without a value; and one whose value is something else"},
		{"not added", `<script src="https://example.com/static/add.js"></script>`, `<script src="https://example.com/static/add.js?v=D"></script>`, "it may be of another origin"},
		{"style sheet", `<link rel=stylesheet href=/static/a.css integrity=` + old + `>`, `<link rel=stylesheet href=/static/a.css?v=D integrity=` + now + `>`, "as scripts"},
		{"preload", `<link rel=preload as=script href=/static/add.js><link rel=preload as=font href=/static/add.js>`, `<link rel=preload as=script href=/static/add.js?v=D integrity="` + now + `"><link rel=preload as=font href=/static/add.js?v=D>`, "it must equal that of the script"},
		{"elsewhere", `<script src="/media/a.js" integrity=` + old + `></script>`, `<script src="/media/a.js" integrity=` + old + `></script>`, "not ours"},
		{"import map", `<script type=importmap>{"integrity":{"/static/a.js":"` + old + `","/static/b.js":"x"},"imports":{"c":"` + old + `"}}</script>`, `<script type=importmap>{"integrity":{"/static/~g1/a.js":"` + now + `","/static/~g1/b.js":"x"},"imports":{"c":"` + old + `"}}</script>`, "by URL"},
		{"module", `<script type=module src="/static/a.js" integrity=` + old + `></script>`, `<script type=module src="/static/~g1/a.js" integrity=` + now + `></script>`, "as classic ones"},
	} {
		if got := stamped(config, c.page, 3); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestPins(t *testing.T) {
	t.Parallel()
	const sha256 = "sha256-uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
	content := []byte("hello world")
	for _, c := range []struct {
		name, integrity string
		want            bool
		why             string
	}{
		{"sha256", sha256, true, "as published"},
		{"own", sha384Pin(content), true, "as we write it"},
		{"other", sha384Pin([]byte("x")), false, "other bytes"},
		{"one of two", sha384Pin([]byte("x")) + " " + sha384Pin(content), true, "either will do"},
		{"strongest", sha256 + " " + sha384Pin([]byte("x")), false, "the weaker is not looked at"},
		{"options", sha256 + "?ct=x", true, "they are for the future"},
		{"nothing", "", false, "nothing is pinned"},
		{"unknown", "md5-x", false, "nothing is pinned"},
	} {
		if got := Pins(c.integrity, content); got != c.want {
			t.Errorf("Pins(%s) = %v, want %v (%s)", c.name, got, c.want, c.why)
		}
	}
}

// A policy of the response pins what is inline as one in the page does.
func TestPageKeepInline(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Scripts = true
	withModules(&config)
	var out bytes.Buffer
	p := New(config).Page(&out, testPage)
	p.KeepInline()
	page := `<style>a{b:url(/static/a)}</style><script>new Worker("/static/a")</script><script type=module src=/static/a></script><p style="a:url(/static/a)">`
	if _, err := p.Write([]byte(page + `<img src=/static/a>`)); err != nil {
		t.Fatal(err)
	}
	if want := page + `<img src=/static/a?v=D>`; out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}
