package stamp

import (
	"net/url"
	"testing"
)

func TestLink(t *testing.T) {
	t.Parallel()
	s := New(Config{
		Prefixes: []string{"/static/"}, Styles: true,
		Version: func(path string) (string, bool) { return "1234", path != "/static/none.css" },
	})
	at, err := url.Parse("https://example.com/page")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, want, why string }{
		{"preload", "</static/a.css>; rel=preload; as=style", "</static/a.css?v=1234>; rel=preload; as=style", "the page asks for it so"},
		{"quoted", `</static/a.css?v=1>; rel="preload"; as="style"`, `</static/a.css?v=1234>; rel="preload"; as="style"`, "RFC 8288, 3"},
		{"two", "</static/a.css>; rel=preload; as=style, </static/b.js>; as=script; rel=preload",
			"</static/a.css?v=1234>; rel=preload; as=style, </static/b.js?v=1234>; as=script; rel=preload", "a list"},
		{"stylesheet", "</static/a.css>; rel=stylesheet", "</static/a.css?v=1234>; rel=stylesheet", "some browsers load it"},
		{"module", "</static/a.js>; rel=modulepreload", "</static/a.js>; rel=modulepreload", "a module's identity is its whole URL"},
		{"other rel", "</static/a.css>; rel=license", "</static/a.css>; rel=license", "it is not loaded"},
		{"elsewhere", "</a.css>; rel=preload; as=style", "</a.css>; rel=preload; as=style", "not served here"},
		{"other host", "<//cdn.example/static/a.css>; rel=preload; as=style", "<//cdn.example/static/a.css>; rel=preload; as=style", "not this site"},
		{"no version", "</static/none.css>; rel=preload; as=style", "</static/none.css>; rel=preload; as=style", "no such file"},
		{"broken", "</static/a.css; rel=preload", "</static/a.css; rel=preload", "it cannot be read"},
		{"empty", "", "", "nothing"},
	} {
		got := s.Link(c.value, at)
		if got != c.want {
			t.Errorf("%s: Link = %q, want %q (%s)", c.name, got, c.want, c.why)
		}
		if again := s.Link(got, at); again != got {
			t.Errorf("%s: stamped twice is %q, want %q", c.name, again, got)
		}
	}
}
