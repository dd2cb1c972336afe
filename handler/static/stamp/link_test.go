package stamp

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestLink(t *testing.T) {
	t.Parallel()
	s := New(Config{
		Prefixes: []string{"/static/"}, Styles: true,
		Version:   func(path string) (string, bool) { return "1234", path != "/static/none.css" },
		SheetUses: func(sheet, path string) bool { return sheet == "/static/a.css" && path == "/static/a.woff2" },

		IsRewritten: func(path string) bool { return path == "/static/a.css" },
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
		{"prefetch of a stylesheet", "</static/b.css>; rel=prefetch", "</static/b.css?v=1234>; rel=prefetch", "the next page uses it, and is stamped"},
		{"prefetch of a page", "</static/a.html>; rel=prefetch", "</static/a.html>; rel=prefetch", "a navigation has the plain URL"},
		{"prefetch of a script", "</static/a.js>; rel=prefetch; as=script", "</static/a.js>; rel=prefetch; as=script", "it may be a module"},
		{"image set", `</static/a.png>; rel=preload; as=image; imagesrcset="/static/a.png 1x, /static/b.png?v=1 2x"; imagesizes=50vw, </static/b.css>; rel=stylesheet`,
			`</static/a.png?v=1234>; rel=preload; as=image; imagesrcset="/static/a.png?v=1234 1x, /static/b.png?v=1234 2x"; imagesizes=50vw, </static/b.css?v=1234>; rel=stylesheet`,
			"the page requests the stamped URLs of a srcset"},
		{"image set alone", `<>; rel=preload; as=image; imagesrcset = "/static/a.png"`, `<>; rel=preload; as=image; imagesrcset = "/static/a.png?v=1234"`, "the href is optional"},
		{"image set of other rel", `</static/a.png>; rel=license; imagesrcset="/static/a.png 1x"`, `</static/a.png>; rel=license; imagesrcset="/static/a.png 1x"`, "it is not loaded"},
		{"image set with an escape", `<>; rel=preload; as=image; imagesrcset="/static/a.png\" 1x"`, `<>; rel=preload; as=image; imagesrcset="/static/a.png\" 1x"`, "the spelling is unusual"},
		{"image set without an end", `<>; rel=preload; as=image; imagesrcset="/static/a.png`, `<>; rel=preload; as=image; imagesrcset="/static/a.png?v=1234`, "the rest of the field is the value"},
		{"quoted comma and bracket", `</static/a.css>; title="a, <b>; c"; rel=preload; as=style`, `</static/a.css?v=1234>; title="a, <b>; c"; rel=preload; as=style`, "a quoted string contains them"},
		{"font", "</static/a.woff2>; rel=preload; as=font; crossorigin", "</static/a.woff2>; rel=preload; as=font; crossorigin", "its user may be an inline style"},
		{"font with its stylesheet", "</static/a.woff2>; rel=preload; as=font; crossorigin, </static/a.css>; rel=preload; as=style",
			"</static/a.woff2?v=1234>; rel=preload; as=font; crossorigin, </static/a.css?v=1234>; rel=preload; as=style", "the stylesheet refers to it"},
		{"font of another stylesheet", "</static/b.css>; rel=stylesheet, </static/a.woff2>; rel=preload; as=font",
			"</static/b.css?v=1234>; rel=stylesheet, </static/a.woff2>; rel=preload; as=font", "the stylesheet does not use the font"},
		{"pinned", `</static/a.css>; rel=preload; as=style; integrity="sha384-x", </static/b.css>; rel=preload; as=style; integrity=sha384-x, </static/a.woff2>; rel=preload; as=font`,
			`</static/a.css>; rel=preload; as=style; integrity="sha384-x", </static/b.css?v=1234>; rel=preload; as=style; integrity=sha384-x, </static/a.woff2>; rel=preload; as=font`,
			"integrity names the bytes of the plain URL if others have the version"},
		{"other rel", "</static/a.css>; rel=license", "</static/a.css>; rel=license", "a license is not loaded"},
		{"other path", "</a.css>; rel=preload; as=style", "</a.css>; rel=preload; as=style", "the path is not below a prefix"},
		{"other host", "<//cdn.example/static/a.css>; rel=preload; as=style", "<//cdn.example/static/a.css>; rel=preload; as=style", "the host is of another site"},
		{"no version", "</static/none.css>; rel=preload; as=style", "</static/none.css>; rel=preload; as=style", "the file does not exist"},
		{"broken", "</static/a.css; rel=preload", "</static/a.css; rel=preload", "the value cannot be parsed"},
		{"empty", "", "", "an empty value"},
	} {
		link := func(value string) string { links, _ := s.Links([]string{value}, at); return links[0] }
		got := link(c.value)
		if got != c.want {
			t.Errorf("%s: Link = %q, want %q (%s)", c.name, got, c.want, c.why)
		}
		if again := link(got); again != got {
			t.Errorf("%s: stamped twice is %q, want %q", c.name, again, got)
		}
	}
}

// A font that a Link field preloads with its plain URL stays plain in the page. The same holds for its stylesheet, which names the font.
func TestFontsOfLinkFieldsStayPlainInThePage(t *testing.T) {
	t.Parallel()
	s := New(preloadConfig())
	fields := []string{"</static/a.woff2>; rel=preload; as=font; crossorigin"}
	links, plain := s.Links(fields, testPage)
	if links[0] != fields[0] {
		t.Fatalf("the font without a user becomes %s", links[0])
	}
	var out strings.Builder
	p := s.PageWriter(&out, testPage)
	p.KeepPlain(plain)
	_, _ = p.Write([]byte(`<link rel=preload as=font href=/static/a.woff2><link rel=stylesheet href=/static/a.css><link rel=stylesheet href=/static/b.css>`))
	_ = p.Close()
	if want := `<link rel=preload as=font href=/static/a.woff2><link rel=stylesheet href=/static/a.css><link rel=stylesheet href=/static/b.css?v=D>`; out.String() != want {
		t.Errorf("the page is %s, want %s", &out, want)
	}
}

// Stamping is the same if it is done again, and changes nothing but the versions.
func FuzzLinks(f *testing.F) {
	for _, field := range []string{
		"</static/a.css>; rel=preload; as=style, </static/a.woff2>; rel=preload; as=font", `<>; rel=preload; imagesrcset="/static/a.png 1x, /static/b.png 2x"`,
		`<a>;rel="\"";=",;<`, `</static/a.js?v=1&w=2#f>;rel="x preload";as=script`,
	} {
		f.Add(field)
	}
	s := New(preloadConfig())
	withoutVersions := regexp.MustCompile(`[?&]?v=[^&#<>,;" \t\n\f\r]*`)
	f.Fuzz(func(t *testing.T, field string) {
		links, _ := s.Links([]string{field}, testPage)
		if again, _ := s.Links(links, testPage); again[0] != links[0] {
			t.Errorf("%q becomes %q, and then %q", field, links[0], again[0])
		}
		if got, want := withoutVersions.ReplaceAllString(links[0], ""), withoutVersions.ReplaceAllString(field, ""); got != want {
			t.Errorf("%q becomes %q", field, links[0])
		}
	})
}
