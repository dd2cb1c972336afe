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
		{"preload", "</static/a.css>; rel=preload; as=style", "</static/a.css?v=1234>; rel=preload; as=style", "the page requests the stamped URL"},
		{"quoted", `</static/a.css?v=1>; rel="preload"; as="style"`, `</static/a.css?v=1234>; rel="preload"; as="style"`, "RFC 8288, 3"},
		{"two", "</static/a.css>; rel=preload; as=style, </static/b.js>; as=script; rel=preload",
			"</static/a.css?v=1234>; rel=preload; as=style, </static/b.js?v=1234>; as=script; rel=preload", "the field is a list"},
		{"stylesheet", "</static/a.css>; rel=stylesheet", "</static/a.css?v=1234>; rel=stylesheet", "some browsers load stylesheets from Link fields"},
		{"module", "</static/a.js>; rel=modulepreload", "</static/a.js>; rel=modulepreload", "a module's URL is its identity"},
		{"other rel", "</static/a.css>; rel=license", "</static/a.css>; rel=license", "a license is not loaded"},
		{"other path", "</a.css>; rel=preload; as=style", "</a.css>; rel=preload; as=style", "the path is not below a prefix"},
		{"other host", "<//cdn.example/static/a.css>; rel=preload; as=style", "<//cdn.example/static/a.css>; rel=preload; as=style", "the host is of another site"},
		{"no version", "</static/none.css>; rel=preload; as=style", "</static/none.css>; rel=preload; as=style", "the file does not exist"},
		{"broken", "</static/a.css; rel=preload", "</static/a.css; rel=preload", "the value cannot be parsed"},
		{"empty", "", "", "an empty value"},
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
