package versionedassets_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// A JSON configuration gets the same checks as a Caddyfile.
func TestAssetsCheck(t *testing.T) {
	t.Parallel()
	static := []*versionedassets.Root{{Prefix: "/static/", Root: "/srv", Source: "Caddyfile:3"}}
	for _, c := range []struct {
		name   string
		assets versionedassets.Handler
		want   string // "": valid
	}{
		{"plain", versionedassets.Handler{Serve: static}, ""},
		{"whole site", versionedassets.Handler{Serve: []*versionedassets.Root{{Prefix: "/"}}, Fallback: "/index.html"}, ""},
		{"nothing served", versionedassets.Handler{}, "serve is missing: write serve <URL prefix> <root>"},
		{"no slash", versionedassets.Handler{Serve: []*versionedassets.Root{{Prefix: "/static", Source: "Caddyfile:3"}}}, `serve: want a URL prefix such as /static/, got "/static", at Caddyfile:3`},
		{"no prefix", versionedassets.Handler{Serve: []*versionedassets.Root{{}}}, `got ""`},
		{"two slashes", versionedassets.Handler{Serve: []*versionedassets.Root{{Prefix: "//"}}}, `got "//"`},
		{"pattern", versionedassets.Handler{Serve: []*versionedassets.Root{{Prefix: "/*/"}}}, `got "/*/"`},
		{"version_query", versionedassets.Handler{Serve: static, VersionQuery: []string{"v", ""}}, `version_query: want the name of a query parameter such as v, got ""`},
		{"immutable", versionedassets.Handler{Serve: static, Immutable: []string{"["}}, `immutable: pattern "["`},
		{"hide", versionedassets.Handler{Serve: static, Hide: []string{"["}}, `hide: pattern "["`},
		{"settle", versionedassets.Handler{Serve: static, Settle: -1}, "settle: want a duration such as 1s, got -1ns"},
		{"vanished", versionedassets.Handler{Serve: static, Vanished: caddy.Duration(-time.Second)}, "settle: want a duration such as 1s, got -1s"},
		{"vanished before settled", versionedassets.Handler{Serve: static, Settle: caddy.Duration(3 * time.Second), Vanished: caddy.Duration(time.Second)},
			"settle: want a second time of at least the first, 3s, got 1s"},
		{"hide all", versionedassets.Handler{Serve: static, Hide: []string{"*"}}, `hide: pattern "*" matches every file`},
		{"poll", versionedassets.Handler{Serve: static, Poll: 1}, "poll: want at least 100ms"},
		{"fallback", versionedassets.Handler{Serve: static, Fallback: "/index.html"}, `fallback: want the path of a page below /static/, got "/index.html"`},
		{"forget_before", versionedassets.Handler{Serve: static, ForgetBefore: time.Unix(1, 0)}, "forget_before needs `stamp html`"},
	} {
		err := c.assets.Check(time.Unix(2, 0))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// The archive must not be below a served directory: each generation would archive the previous archive.
func TestAssetsKeepOutsideOfWhatIsServed(t *testing.T) {
	t.Parallel()
	root := testsite.WriteTree(t, map[string]string{"main.js": "alert(1)"})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, directory, want string }{
		{"the root", root, "keep_directory: want a directory outside " + root + ", which is served"},
		{"below it", root + "/a/b", "Caddyfile:3"},
		{"below it by a link", link + "/kept", "keep_directory: want a directory outside " + root + ", which is served"},
		{"beside it", root + "-kept", ""},
		{"below it, in a directory that is never served", root + "/.usher", ""},
	} {
		_, err := testsite.Provision(t, fmt.Sprintf("http://localhost\nversioned_assets {\nserve /static/ %s\nkeep_directory %s\n}", root, c.directory))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// JSON turns the archive off with the word of the Caddyfile.
func TestKeepOffInJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]versionedassets.KeepTime{`"off"`: -1, `"1h"`: versionedassets.KeepTime(time.Hour), "5": 5} {
		var a versionedassets.Handler
		if err := json.Unmarshal([]byte(`{"keep":`+text+`}`), &a); err != nil || a.Keep != want {
			t.Errorf("%s: %d, %v, want %d", text, a.Keep, err, want)
		}
	}
	if err := json.Unmarshal([]byte(`{"keep":"on"}`), new(versionedassets.Handler)); err == nil {
		t.Error("keep reads on as a duration")
	}
}

func TestAssetsWantADirectory(t *testing.T) {
	t.Parallel()
	_, err := testsite.Provision(t, "http://localhost\nversioned_assets {\nserve /static/ \"\"\n}")
	if err == nil || !strings.Contains(err.Error(), "serve /static/: want a value, got nothing, at Caddyfile:3") {
		t.Errorf("%v", err)
	}
}
