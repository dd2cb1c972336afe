package stamp

import (
	"crypto/sha512"
	"encoding/base64"
	"testing"
)

// sha384Pin is the value of an integrity attribute that pins content.
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
		{"true", `<script integrity="` + old + `" src="/static/a.js"></script>`, `<script integrity="` + now + `" src="/static/a.js?v=D"></script>`, "kept true, though it stands before the URL"},
		{"false", `<script src=/static/a.js integrity=sha384-x></script>`, `<script src=/static/a.js?v=D integrity=sha384-x></script>`, "what was false stays so"},
		{"added", `<script src="/static/add.js"></script><script src=../static/add.js></script>`, `<script src="/static/add.js?v=D" integrity="` + now + `"></script><script src=../static/add.js?v=D integrity="` + now + `"></script>`, "as asked for"},
		{"bare", `<script src=/static/add.js integrity></script><script integrity= src=/static/b.js></script>`, `<script src=/static/add.js?v=D integrity="` + now + `"></script><script integrity= src=/static/b.js></script>`, "an attribute without a value; and one whose value is something else"},
		{"not added", `<script src="https://example.com/static/add.js"></script>`, `<script src="https://example.com/static/add.js?v=D"></script>`, "it may be of another origin"},
		{"style sheet", `<link rel=stylesheet href=/static/a.css integrity=` + old + `>`, `<link rel=stylesheet href=/static/a.css?v=D integrity=` + now + `>`, "as scripts"},
		{"preload", `<link rel=preload as=script href=/static/add.js><link rel=preload as=font href=/static/add.js>`, `<link rel=preload as=script href=/static/add.js?v=D integrity="` + now + `"><link rel=preload as=font href=/static/add.js?v=D>`, "it must equal that of the script"},
		{"elsewhere", `<script src="/media/a.js" integrity=` + old + `></script>`, `<script src="/media/a.js" integrity=` + old + `></script>`, "not ours"},
		{"module", `<script type=module src="/static/a.js" integrity=` + old + `></script><script type=module src="/static/add.js"></script>`, `<script type=module src="/static/a.js" integrity=` + old + `></script><script type=module src="/static/add.js"></script>`, "its URL serves what is on disk"},
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
