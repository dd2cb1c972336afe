package usher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const publishedMessage = "a key stands in a file that everybody may load; a ticket in a cookie makes it unnecessary there"

// A key in what file_server serves is told when the configuration has started: with the file, without the key, and nothing
// that is not served.
func TestPublicKeys(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := `new WebSocket("wss://a.example/ws/a/?key=` + goodKey + `")`
	for _, name := range []string{
		"www/js/main.js", "www/.env", "www/hidden/a.js", "www/secret.txt", "www/deep/secret.txt", "www/private/b.js", "www/image.png",
		"www/static/worker.js", "inner/page.html", "explicit/c.js", "other/d.js", "elsewhere/e.js", "internal/f.js",
	} {
		write(name, script)
	}
	write("www/clean.js", "new WebSocket('/ws/a/')")
	site := startSite(t, fmt.Sprintf(`
		http://localhost {
			root * %[1]s/www
			websocket_gate {
				route a /ws/a/ {
					key {env.USHER_TEST_PUBLISHED_A} a-2026
				}
			}
			versioned_assets {
				serve /static/ %[1]s/www/static
				settle 50ms
			}
			handle_path /inner/* {
				root * %[1]s/inner
				file_server
			}
			handle /explicit/* {
				file_server {
					root %[1]s/explicit
				}
			}
			handle /dynamic/* {
				root * %[1]s/{http.request.host}
				file_server
			}
			handle /proxied/* {
				reverse_proxy 127.0.0.1:1 {
					@accel header X-Accel-Redirect *
					handle_response @accel {
						root * %[1]s/internal
						file_server
					}
				}
			}
			handle {
				file_server {
					hide secret.txt %[1]s/www/private %[1]s/www/hid*
				}
			}
		}
		http://127.0.0.1 {
			root /x/* %[1]s/other
			file_server
		}
		http://127.0.0.2 {
			root * %[1]s/elsewhere
			respond 404
		}
	`, root))
	want := []string{"/static/worker.js"}
	for _, name := range []string{"www/js/main.js", "www/.env", "inner/page.html", "explicit/c.js", "other/d.js"} {
		want = append(want, filepath.Join(root, filepath.FromSlash(name)))
	}
	slices.Sort(want)
	var told []string
	eventually(t, "the keys told", func() bool { return len(site.Logs.With(publishedMessage)) >= len(want) })
	site.Unload() // the search has ended
	for _, line := range site.Logs.With(publishedMessage) {
		told = append(told, line["file"].(string))
		if line["key"] != "a-2026" || line["route"] != "a" {
			t.Errorf("the line is %v, want a-2026 of route a", line)
		}
	}
	slices.Sort(told)
	if !slices.Equal(told, want) {
		t.Errorf("told of\n%q, want\n%q", told, want)
	}
}

// A configuration that is only checked searches nothing.
func TestPublicKeysOfACheck(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "main.js"), []byte(`"`+goodKey+`"`), 0o600); err != nil {
		t.Fatal(err)
	}
	site, err := provisionSite(t, fmt.Sprintf(`
		http://localhost
		root * %s
		websocket_gate {
			route a /ws/a/ {
				key {env.USHER_TEST_PUBLISHED_A}
			}
		}
		file_server`, root))
	if err != nil {
		t.Fatal(err)
	}
	site.Unload()
	if lines := site.Logs.With(publishedMessage); len(lines) != 0 {
		t.Errorf("told %v", lines)
	}
}

// The search ends at its limits, and says so.
func TestPublicKeysBounded(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for i := range 4 {
		if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("%d.js", i)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		entries int
		bytes   int64
		want    error
		why     string
	}{
		{"within", 0, 0, nil, "it went through all"},
		{"entries", maxSearchedEntries - 2, 0, errSearchedEnough, "a directory may hold millions"},
		{"bytes", 0, maxSearchedBytes - 1, errSearchedEnough, "reading takes time"},
	} {
		site, err := provisionSite(t, "http://localhost\nwebsocket_gate {\nroute a /ws/a/ {\nkey {env.USHER_TEST_PUBLISHED_A}\n}\n}")
		if err != nil {
			t.Fatal(err)
		}
		p := publicSearch(gatesOf(site.Server)[0], nil)
		p.entries, p.bytes = c.entries, c.bytes
		if err := p.searchDirectory(publicDirectory{root: root}); err != c.want {
			t.Errorf("%s: %v, want %v (%s)", c.name, err, c.want, c.why)
		}
		site.Unload()
	}
}
