package versionedassets_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// A header change that Caddy makes after all handlers is logged if it overrides what versioned_assets decides.
func TestDeferredHeaders(t *testing.T) {
	t.Parallel()
	const message = "deferred header change overrides versioned_assets"
	root := testsite.WriteTree(t, map[string]string{"a.js": "x"})
	for _, c := range []struct {
		name, header string
		fields       string
		why          string
	}{
		{"minus field", "header {\n-Server\nCache-Control max-age=3600\n}", "[Cache-Control]", "a minus sign defers the whole block"},
		{"defer", "header {\ndefer\nContent-Type text/html\n}", "[Content-Type]", "the type is set after the page has passed"},
		{"match", "header {\nmatch status 2xx\nCache-Control max-age=3600\n}", "[Cache-Control]", "the status is known after the handlers"},
		{"match a status", "header /static/* {\nmatch status 200\nCache-Control max-age=3600\n}", "[Cache-Control]", "a file has this status"},
		{"match a field", "header {\nmatch header Server *\nCache-Control max-age=3600\n}", "[Cache-Control]", "files may have the field"},
		{"match errors", "header {\nmatch status 404 5xx\nCache-Control max-age=3600\n}", "", "no file has these statuses"},
		{"deleted", "header -Cache-Control", "[Cache-Control]", "the field is deleted"},
		{"for assets", "header /static/* {\n-Server\nCache-Control max-age=3600\n}", "[Cache-Control]", "the matcher selects assets"},
		{"inside of handle_path, for assets", "handle_path /shop/* {\nheader /static/* {\ndefer\nCache-Control max-age=3600\n}\nASSETS\n}", "[Cache-Control]",
			"the matcher sees the path without what is removed"},
		{"outside of handle_path, for assets", "header /shop/static/* {\ndefer\nCache-Control max-age=3600\n}\nhandle_path /shop/* {\nASSETS\n}", "[Cache-Control]",
			"the matcher sees the path as clients write it"},
		{"outside of handle_path, for others", "header /static/* {\ndefer\nCache-Control max-age=3600\n}\nhandle_path /shop/* {\nASSETS\n}", "",
			"no asset has this path"},
		{"for others", "header /api/* {\n-Server\nCache-Control max-age=3600\n}", "", "the matcher excludes assets"},
		{"minus field alone", "header -Server", "", "the field has no effect on caching"},
		{"not deferred", "header Cache-Control max-age=3600", "", "versioned_assets overrides it"},
		{"default", "header ?Cache-Control max-age=3600", "", "only if the field is missing"},
	} {
		for form, caddyfile := range map[string]string{"": "http://127.0.0.1\n%s\n%s", "with another site": "http://127.0.0.1 {\n%s\n%s\n}\nhttp://other.example {\n}"} {
			assets := "versioned_assets {\nserve /static/ " + root + "\n}"
			header := strings.Replace(c.header, "ASSETS", assets, 1)
			if header != c.header {
				assets = ""
			}
			site := testsite.Start(t, fmt.Sprintf(caddyfile, header, assets))
			got := ""
			if lines := site.Logs.With(message); len(lines) > 0 {
				got = fmt.Sprint(lines[0]["fields"])
			}
			if got != c.fields {
				t.Errorf("%s %s: the warning names %q, want %q (%s)", c.name, form, got, c.fields, c.why)
			}
		}
	}
}
