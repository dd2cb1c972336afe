package stamp

import (
	"crypto/sha512"
	"encoding/base64"
	"strings"
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
	config.Integrity = func(path string) (string, bool) { return now, path == "/static/add.js" }
	config.IsRewritten = func(path string) bool { return strings.Contains(path, "rewritten") }
	for _, c := range []struct{ name, page, want, why string }{
		{"pinned", `<script integrity="` + old + `" src="/static/a.js"></script><script src="/static/add.js" integrity=sha384-x></script>`, `<script integrity="` + old + `" src="/static/a.js?v=D"></script><script src="/static/add.js?v=D" integrity=sha384-x></script>`, "the bytes under the version are the same, and an invalid attribute stays invalid"},
		{"pinned and rewritten", `<script integrity=` + old + ` src="/static/rewritten.js"></script><script src="/static/rewritten.js"></script><link rel=stylesheet href=/static/rewritten.css integrity=` + old + `>`, `<script integrity=` + old + ` src="/static/rewritten.js"></script><script src="/static/rewritten.js"></script><link rel=stylesheet href=/static/rewritten.css integrity=` + old + `>`, "the attribute names the bytes of the plain URL, and the file has one URL in the page"},
		{"pinned preload", `<link rel=preload as=script href=/static/rewritten.js><script src="/static/rewritten.js" integrity=` + old + `></script>`, `<link rel=preload as=script href=/static/rewritten.js><script src="/static/rewritten.js" integrity=` + old + `></script>`, "the preload has the URL of its user"},
		{"rewritten", `<script src="/static/rewritten.js"></script><script src="/static/rewritten2.js" integrity></script>`, `<script src="/static/rewritten.js?v=D"></script><script src="/static/rewritten2.js?v=D" integrity></script>`, "nothing names the bytes"},
		{"added", `<script src="/static/add.js"></script><script src=../static/add.js></script>`, `<script src="/static/add.js?v=D" integrity="` + now + `"></script><script src=../static/add.js?v=D integrity="` + now + `"></script>`, "the Integrity function asks for it"},
		{"present", `<script src=/static/add.js integrity></script><script integrity="" src=/static/add.js></script>`, `<script src=/static/add.js?v=D integrity></script><script integrity="" src=/static/add.js?v=D></script>`, "a second attribute would not count"},
		{"not added", `<script src="https://example.com/static/add.js"></script>`, `<script src="https://example.com/static/add.js?v=D"></script>`, "a URL with a host may be of another origin"},
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
