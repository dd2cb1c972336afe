package stamp

import (
	"crypto/sha512"
	"encoding/base64"
	"testing"
)

// sha384Pin returns an integrity attribute for content.
func sha384Pin(content []byte) string {
	sum := sha512.Sum384(content)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestPageIntegrity(t *testing.T) {
	t.Parallel()
	config := testConfig()
	old, now := sha384Pin([]byte("old")), sha384Pin([]byte("now"))
	config.Integrity = func(path, present string) (string, bool) {
		return now, present == old || present == "" && path == "/static/add.js"
	}
	for _, c := range []struct{ name, page, want, why string }{
		{"valid", `<script integrity="` + old + `" src="/static/a.js"></script>`, `<script integrity="` + now + `" src="/static/a.js?v=D"></script>`, "the attribute matches the rewritten file, also before the src attribute"},
		{"invalid", `<script src=/static/a.js integrity=sha384-x></script>`, `<script src=/static/a.js?v=D integrity=sha384-x></script>`, "an invalid attribute stays invalid"},
		{"added", `<script src="/static/add.js"></script><script src=../static/add.js></script>`, `<script src="/static/add.js?v=D" integrity="` + now + `"></script><script src=../static/add.js?v=D integrity="` + now + `"></script>`, "the Integrity function asks for it"},
		{"bare", `<script src=/static/add.js integrity></script><script integrity= src=/static/b.js></script>`, `<script src=/static/add.js?v=D integrity="` + now + `"></script><script integrity= src=/static/b.js></script>`, "an attribute without a value; an unquoted attribute takes src as its value"},
		{"not added", `<script src="https://example.com/static/add.js"></script>`, `<script src="https://example.com/static/add.js?v=D"></script>`, "a URL with a host may be of another origin"},
		{"stylesheet", `<link rel=stylesheet href=/static/a.css integrity=` + old + `>`, `<link rel=stylesheet href=/static/a.css?v=D integrity=` + now + `>`, "stylesheets have integrity too"},
		{"preload", `<link rel=preload as=script href=/static/add.js><link rel=preload as=font href=/static/add.js><script src=/static/add.js></script>`, `<link rel=preload as=script href=/static/add.js?v=D integrity="` + now + `"><link rel=preload as=font href=/static/add.js?v=D><script src=/static/add.js?v=D integrity="` + now + `"></script>`, "only script and style preloads have integrity"},
		{"preload without a user", `<link rel=preload as=script href=/static/add.js integrity=` + old + `>`, `<link rel=preload as=script href=/static/add.js integrity=` + old + `>`, "the plain URL serves the file on disk"},
		{"other path", `<script src="/media/a.js" integrity=` + old + `></script>`, `<script src="/media/a.js" integrity=` + old + `></script>`, "the path is not below a prefix"},
		{"module", `<script type=module src="/static/a.js" integrity=` + old + `></script><script type=module src="/static/add.js"></script>`, `<script type=module src="/static/a.js" integrity=` + old + `></script><script type=module src="/static/add.js"></script>`, "the URL of a module serves the file on disk"},
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
		{"sha256", sha256, true, "the example of the specification"},
		{"sha384", sha384Pin(content), true, "the form that usher writes"},
		{"other", sha384Pin([]byte("x")), false, "the hash is of other bytes"},
		{"one of two", sha384Pin([]byte("x")) + " " + sha384Pin(content), true, "one matching hash is enough"},
		{"strongest", sha256 + " " + sha384Pin([]byte("x")), false, "only hashes of the strongest algorithm count"},
		{"options", sha256 + "?ct=x", true, "options are ignored"},
		{"nothing", "", false, "no known hash"},
		{"unknown", "md5-x", false, "no known hash"},
	} {
		if got := Pins(c.integrity, content); got != c.want {
			t.Errorf("Pins(%s) = %v, want %v (%s)", c.name, got, c.want, c.why)
		}
	}
}
