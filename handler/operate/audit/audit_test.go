package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scan2food/usher/handler/operate/verdict"
)

func compressed(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return b.String()
}

func django(content string) string {
	sum := md5.Sum([]byte(content))
	return hex.EncodeToString(sum[:])[:12]
}

func TestAuditFindsWhatMakesBrowsersRunOldCode(t *testing.T) {
	t.Parallel()
	root := fstest.MapFS{}
	for name, content := range map[string]string{
		"good.js":                           "good()",
		"good.js.gz":                        compressed("good()"),
		"stale.js":                          "new()",
		"stale.js.gz":                       compressed("old()"),
		"broken.js":                         "x()",
		"broken.js.gz":                      "no gzip",
		"data.tar.gz":                       "a download",
		"app.js":                            "edited()",
		"app." + django("built()") + ".js":  "edited()",
		"main.js":                           "main()",
		"main." + django("main()") + ".js":  "main()",
		"worker-user.js":                    `new Worker("/static/worker.js")`,
		"leak.js":                           `new WebSocket("wss://a/ws/?key=leaked-key-0123456789")`,
		"index.html":                        `<script src="/static/main.js?v=20260211"></script><link rel=stylesheet href="screen.css"><script src="https://cdn.example/x.js"></script>`,
		"nested/" + django("x") + "/ok.css": "body{}",
	} {
		root[name] = &fstest.MapFile{Data: []byte(content)}
	}
	templates := fstest.MapFS{"orders.html": {Data: []byte(`<script src="{% static 'a.js' %}"></script><script src="/static/b.js"></script>`)}}
	report, err := Run(context.Background(), Config{Root: root, Templates: templates})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]verdict.Level{
		"stale.js.gz: compressed form of other content than stale.js":                verdict.Bad,
		"broken.js.gz: compressed form of other content than broken.js":              verdict.Bad,
		"app." + django("built()") + ".js: the name holds the hash of other content": verdict.Bad,
		"leak.js: public JavaScript holds a key":                                     verdict.Bad,
		`worker-user.js: worker "/static/worker.js" is named without a version`:      verdict.Warn,
		`index.html: version by hand: "/static/main.js?v=20260211"`:                  verdict.Warn,
		`index.html: reference without a version: "screen.css"`:                      verdict.Warn,
		`templates: orders.html: reference without a version: "/static/b.js"`:        verdict.Warn,
	}
	for _, v := range report.Verdicts {
		line := v.Subject + ": " + v.Found
		if want[line] != v.Level || v.Remedy == "" {
			t.Errorf("%s %q with %q is not wanted", v.Level, line, v.Remedy)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("%q is missing", line)
	}
	if text := fmt.Sprint(report); strings.Contains(text, "leaked-key") {
		t.Error("the report shows the key")
	}
}

// A version by hand is found beside the code of any template. A helper of a template may add a hash.
func TestReferencesWithTemplateCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, attribute, found string }{
		{"Django", `src="{% static "admin/js/core.js" %}?v=20260211"`, "version by hand"},
		{"Django, other quotes", `src="{% static 'admin/js/core.js' %}?v=20260211"`, "version by hand"},
		{"Django, single quotes", `src='{% static "admin/js/core.js" %}?v=20260211'`, "version by hand"},
		{"Django's variable", `src="{{ STATIC_URL }}admin/js/core.js?v=20260211"`, "version by hand"},
		{"Django's variable without a version", `src="{{ STATIC_URL }}admin/js/core.js"`, "reference without a version"},
		{"Django's variable before a name", `src="{{ STATIC_URL }}core.js"`, "reference without a version"},
		{"suffix of a name", `src="/static/{{ name }}-min.js"`, ""},
		{"ERB", `src="<%= asset_path("core.js") %>?v=1"`, "version by hand"},
		{"PHP", `href="<?php echo get_theme_uri(); ?>/style.css?ver=1.2"`, "version by hand"},
		{"Jinja", `href="{{ url_for('static', filename='a.css') }}?v=3"`, "version by hand"},
		{"version of the template", `src="/static/admin/js/core.js?v={{ V }}"`, "version by a template"},
		{"two pieces of code", `src="{{ base }}{% static "core.js" %}?v={{ V }}"`, "version by a template"},
		{"plain", `src="/static/b.js"`, "reference without a version"},
		{"helper alone", `src="{% static 'a.js' %}"`, ""},
		{"name from the template", `src="/static/{{ name }}.js"`, ""},
		{"name with a hash", `src="{{ STATIC_URL }}app-3f9a0b12.js"`, ""},
		{"another host", `src="https://{{ CDN }}/a.js?v=1"`, ""},
		{"link to a page", `href="{% url 'orders' %}?v=1"`, ""},
		{"code without an end", `src="{% static "a.js"`, ""},
		{"control character", "src=\"a\x00?v=1\"", ""},
	} {
		templates := fstest.MapFS{"page.html": {Data: []byte("<script " + c.attribute + "></script>")}}
		report, err := Run(context.Background(), Config{Root: fstest.MapFS{}, Templates: templates})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, v := range report.Verdicts {
			text, _, _ := strings.Cut(v.Found, ": ")
			got += text
		}
		if got != c.found {
			t.Errorf("%s: %q, want %q", c.name, got, c.found)
		}
	}
}

// millionFS has more files than an audit takes. It makes them as they are read.
type millionFS struct{}

func (m millionFS) Open(name string) (fs.File, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return &millionFile{}, nil
}

type millionFile struct{ fs.File }

func (f *millionFile) Stat() (fs.FileInfo, error) { return info{name: ".", mode: fs.ModeDir}, nil }
func (f *millionFile) Close() error               { return nil }
func (f *millionFile) ReadDir(int) ([]fs.DirEntry, error) {
	entries := make([]fs.DirEntry, maxFiles+1)
	for i := range entries {
		entries[i] = fs.FileInfoToDirEntry(info{name: fmt.Sprintf("f%d.txt", i)})
	}
	return entries, nil
}

type info struct {
	name string
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return 1 }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

func TestAuditIsBounded(t *testing.T) {
	t.Parallel()
	if _, err := Run(context.Background(), Config{Root: millionFS{}}); err == nil || !strings.Contains(err.Error(), "more than 1000000 files") {
		t.Errorf("a million files: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ended, Config{Root: fstest.MapFS{"a.js": {}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("an audit that was ended: %v", err)
	}
	many := fstest.MapFS{}
	for i := range 3000 {
		many[fmt.Sprintf("p%d.html", i)] = &fstest.MapFile{Data: []byte(`<script src="/a.js"></script>`)}
	}
	report, err := Run(context.Background(), Config{Root: many})
	if err != nil || len(report.Verdicts) != 2000 || report.LeftOut != 1000 {
		t.Errorf("3000 verdicts: %d and %d left out, %v", len(report.Verdicts), report.LeftOut, err)
	}
}

type unreadable struct{ fstest.MapFS }

func (u unreadable) Open(name string) (fs.File, error) {
	if name == "secret.js" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.Open(name)
}

func TestUnreadableFilesAreVerdicts(t *testing.T) {
	t.Parallel()
	report, err := Run(context.Background(), Config{Root: unreadable{fstest.MapFS{"secret.js": {Data: []byte("x")}, "index.html": {Data: []byte(`<script src="/a.js"></script>`)}}}})
	if err != nil || len(report.Verdicts) != 2 {
		t.Errorf("%v, %+v, want the unreadable file and the page", err, report.Verdicts)
	}
}
