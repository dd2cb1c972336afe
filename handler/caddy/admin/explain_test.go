//go:build unix

package admin_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// explain follows the matchers and rewrites of the configuration.
func TestExplainFollowsTheRoutes(t *testing.T) {
	root := testsite.WriteTree(t, map[string]string{"main.js": "main()", "secret.js": "secret()"})
	pages := testsite.WriteTree(t, map[string]string{"index.html": "page"})
	kept := t.TempDir()
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	second := testsite.FreeAddress(t)
	p.Config = func(string) string {
		return fmt.Sprintf(`
		{
			admin %[4]s
			persist_config off
		}
		http://%[5]s {
			@old path /old/*
			redir @old /new/
			websocket_gate /ws/* {
				route chat /ws/chat/ {
					key %[1]s chat-2026
				}
			}
			handle_path /app/* {
				versioned_assets {
					serve /static/ %[2]s
					keep_directory %[3]s
				}
			}
			@staff {
				header X-Staff 1
				path /staff/*
			}
			handle @staff {
				uri strip_prefix /staff
				versioned_assets {
					serve /static/ %[2]s
					keep_directory %[3]s
				}
			}
			@near {
				client_ip 192.0.2.0/24
				not path /near/secret.js
			}
			handle @near {
				basic_auth {
					bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
				}
				versioned_assets {
					serve /near/ %[2]s
					keep_directory %[3]s
				}
			}
			handle /spa/* {
				root %[7]s
				try_files {path} /index.html
				versioned_assets {
					serve /spa/ %[2]s
					keep_directory %[3]s
				}
				file_server
			}
			handle /mobile/* {
				@phone header User-Agent *Mobile*
				rewrite @phone /m{path}
				versioned_assets {
					serve /mobile/ %[2]s
					keep_directory %[3]s
				}
			}
			handle /checked/* {
				root %[7]s
				try_files {path} =404
				versioned_assets {
					serve /checked/ %[2]s
					keep_directory %[3]s
				}
			}
			handle {
				respond "nothing"
			}
		}
		http://%[6]s {
			versioned_assets {
				serve / %[2]s
				keep_directory %[3]s
			}
		}
	`, chatKey, root, kept, p.Admin, p.Addr, second, pages)
	}
	p.Run(t, p.Adapted(t, ""))
	explain := func(query url.Values) (e report.Explanation) {
		if err := json.Unmarshal(p.Get(t, "/usher/explain?"+query.Encode()), &e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	for _, c := range []struct {
		name, url, client string
		by, file, why     string
		notEvaluated      []string
	}{
		{"the gate's matcher", "ws://first/ws/chat/", "", "gate", "", "", nil},
		{"past the gate's matcher", "ws://first/other/", "", "none", "", "static_response answers", nil},
		{"the port selects the server", "http://second/main.js", "", "assets", "main.js", "", nil},
		{"the same path at the other port", "http://first/main.js", "", "none", "", "static_response answers", nil},
		{"handle_path strips the path", "http://first/app/static/main.js", "", "assets", "main.js", "", nil},
		{"the path without the prefix of handle_path", "http://first/static/main.js", "", "none", "", "static_response answers", nil},
		{"a redirect before", "http://first/old/main.js", "", "none", "", "static_response answers", nil},
		{"a header of the request is unknown", "http://first/staff/static/main.js", "", "assets", "main.js", "", []string{"matcher header, assumed to match"}},
		{"no header matters, since the path does not match", "http://first/other/static/main.js", "", "none", "", "static_response answers", nil},
		{"the client's address is known", "http://first/near/main.js", "192.0.2.7", "assets", "main.js", "", []string{"handler authentication, which may reject the request"}},
		{"another client", "http://first/near/main.js", "198.51.100.7", "none", "", "static_response answers", nil},
		{"an unknown client", "http://first/near/main.js", "", "assets", "main.js", "", []string{"matcher client_ip, assumed to match", "handler authentication, which may reject the request"}},
		{"not path", "http://first/near/secret.js", "", "none", "", "static_response answers", nil},
		{"try_files takes the file away", "http://first/spa/main.js", "", "none", "", "file_server answers /index.html, to which a rewrite led", nil},
		{"try_files rejects the file", "http://first/checked/main.js", "", "none", "", "status 404 of the matcher file answers", nil},
		{"a rewrite of some clients", "http://first/mobile/main.js", "", "assets", "main.js", "", []string{"rewrite behind the matcher header, assumed not to match"}},
		{"another host", "http://example.com:port/app/static/main.js", "", "none", "", "next handler", nil},
	} {
		port := p.Addr[strings.LastIndex(p.Addr, ":"):]
		target := strings.NewReplacer("://first", "://"+p.Addr, "://second", "://"+second, ":port", port).Replace(c.url)
		query := url.Values{"url": {target}}
		if c.client != "" {
			query.Set("client", c.client)
		}
		got := explain(query)
		if got.By != c.by || got.File != c.file || !strings.Contains(got.Why, c.why) || !slices.Equal(got.NotEvaluated, c.notEvaluated) {
			t.Errorf("%s: %+v, want %s %q, %q, %q", c.name, got, c.by, c.file, c.why, c.notEvaluated)
		}
	}
	got := explain(url.Values{"url": {"https://127.0.0.1/main.js"}})
	if got.By != "assets" || len(got.NotEvaluated) != 1 || !strings.Contains(got.NotEvaluated[0], "no server listens at port 443") {
		t.Errorf("a port in front of Caddy: %+v", got)
	}
	p.Stop(t)
}
