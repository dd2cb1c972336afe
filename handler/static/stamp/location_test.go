package stamp

import (
	"bytes"
	"net/url"
	"testing"
)

func TestReferencesToOtherHosts(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Hosts = map[string][]Host{
		"static.example":      {{Prefix: "/", VersionQuery: []string{"ver"}}, {Prefix: "/static/", VersionQuery: []string{"v"}}},
		"static.example:8443": {{Prefix: "/", VersionQuery: []string{"v"}}},
	}
	config.Version = func(path string) (string, bool) { return "D", path != "static.example/missing.js" }
	for _, c := range []struct{ page, want, why string }{
		{`<script src="https://static.example/a.js">`, `<script src="https://static.example/a.js?ver=D">`, "the host's own query parameter"},
		{`<script src="//STATIC.example:443/a.js">`, `<script src="//STATIC.example:443/a.js?ver=D">`, "case and the default port do not matter"},
		{`<script src="https://static.example/static/a.js">`, `<script src="https://static.example/static/a.js?v=D">`, "the longest prefix"},
		{`<script src="https://static.example:8443/a.js">`, `<script src="https://static.example:8443/a.js?v=D">`, "a port is part of the name"},
		{`<script src="https://static.example/../../a.js">`, `<script src="https://static.example/../../a.js?ver=D">`, "dot segments never reach the host"},
		{`<script src="https://static.example/missing.js">`, `<script src="https://static.example/missing.js">`, "no such file"},
		{`<script src="https://static.example.evil/a.js">`, `<script src="https://static.example.evil/a.js">`, "another host"},
		{`<script src="https://user@static.example/a.js">`, `<script src="https://user@static.example/a.js">`, "an unusual spelling"},
		{`<script src="https://site.example//static.example/a.js">`, `<script src="https://site.example//static.example/a.js">`, "a path that begins like a host"},
		{`<base href="https://static.example/static/"><script src="a.js"></script><script src="https://site.example/static/b.js">`,
			`<base href="https://static.example/static/"><script src="a.js?v=D"></script><script src="https://site.example/static/b.js?v=D">`, "a base on the other host"},
		{`<link rel=preload as=font href="//static.example/f.woff2"><img src="/static/x.png">`, `<link rel=preload as=font href="//static.example/f.woff2"><img src="/static/x.png?v=D">`,
			"the other host does not rewrite its stylesheets"},
	} {
		var out bytes.Buffer
		w := New(config).PageWriter(&out, &url.URL{Host: "site.example", Path: "/page"})
		_, _ = w.Write([]byte(c.page))
		if err := w.Close(); err != nil || out.String() != c.want {
			t.Errorf("%s\n got %s, %v\nwant %s (%s)", c.page, out.String(), err, c.want, c.why)
		}
	}
	links, _ := New(config).Links([]string{`<https://static.example/a.css>; rel=preload; as=style`}, &url.URL{Host: "site.example", Path: "/"})
	if got := links[0]; got != `<https://static.example/a.css?ver=D>; rel=preload; as=style` {
		t.Errorf("Link = %s", got)
	}
}
