package usher

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
)

// What a gate makes of the JSON behind it: the same handlers, which log redacted.
func TestRedactedHandler(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, handler, want, why string }{
		{"rewrite", `{"handler":"rewrite","uri":"/x?{query}<>"}`, `{"handler":"usher_redacted_rewrite","uri":"/x?{query}<>"}`, "by its name"},
		{"default transport", `{"handler":"reverse_proxy","upstreams":[{"dial":"a:1","max_requests":12345678901234567890}]}`,
			`{"handler":"reverse_proxy","transport":{"protocol":"usher_redacted","transport":{"protocol":"http"}},` +
				`"upstreams":[{"dial":"a:1","max_requests":12345678901234567890}]}`, "Caddy's own default"},
		{"transport", `{"handler":"reverse_proxy","transport":{"protocol":"fastcgi","root":"/srv"}}`,
			`{"handler":"reverse_proxy","transport":{"protocol":"usher_redacted","transport":{"protocol":"fastcgi","root":"/srv"}}}`, "any other"},
		{"case", `{"handler":"reverse_proxy","Transport":{"protocol":"http","tls":{}}}`,
			`{"handler":"reverse_proxy","transport":{"protocol":"usher_redacted","transport":{"protocol":"http","tls":{}}}}`, "Go has none"},
		{"retries that depend on headers", `{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"header":{"X-Key":["a"]}}]}}`,
			`{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"header":{"X-Key":["a"]}}]}}`, "its matchers look at what it sent"},
		{"by an expression", `{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"expression":"header({'X-Key':'a'})"}]}}`,
			`{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"expression":"header({'X-Key':'a'})"}]}}`, "so does it"},
		{"other retries", `{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"method":["PUT"]}]}}`,
			`{"handler":"reverse_proxy","load_balancing":{"retry_match":[{"method":["PUT"]}]},` +
				`"transport":{"protocol":"usher_redacted","transport":{"protocol":"http"}}}`, "they see no difference"},
		{"nested", `{"handler":"subroute","routes":[{"match":[{"path":["/a"]}],"handle":[{"handler":"rewrite"},{"handler":"headers"}]}]}`,
			`{"handler":"subroute","routes":[{"match":[{"path":["/a"]}],"handle":[{"handler":"usher_redacted_rewrite"},{"handler":"headers"}]}]}`,
			"as in handle"},
		{"handle_response", `{"handler":"intercept","handle_response":[{"routes":[{"handle":[{"handler":"rewrite"}]}]}]}`,
			`{"handler":"intercept","handle_response":[{"routes":[{"handle":[{"handler":"usher_redacted_rewrite"}]}]}]}`, "wherever routes are"},
		{"no handler", `{"handler":"vars","handles":{"handler":"rewrite"}}`, `{"handler":"vars","handles":{"handler":"rewrite"}}`, "a variable"},
		{"others", `{"handler":"static_response","body":"rewrite reverse_proxy"}`, `{"handler":"static_response","body":"rewrite reverse_proxy"}`,
			"byte for byte"},
	} {
		got, err := redactedHandler(json.RawMessage(c.handler))
		var compact bytes.Buffer
		encoder := json.NewEncoder(&compact)
		encoder.SetEscapeHTML(false)
		if err == nil {
			err = encoder.Encode(decoded(t, got))
		}
		if want := c.want; err != nil || strings.TrimSpace(compact.String()) != canonical(t, want) {
			t.Errorf("%s: %s, %v, want %s (%s)", c.name, got, err, want, c.why)
		}
	}
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	var compact bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(decoded(t, []byte(text))); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(compact.String())
}

// Metrics, traces and logs call the rewrite by the name that it has in Caddy.
func TestRedactedRewriteHasItsName(t *testing.T) {
	t.Parallel()
	if name := caddy.GetModuleName(new(redactedRewrite)); name != "rewrite" {
		t.Errorf("the name is %q", name)
	}
}

// plainTransport has nothing that reverse_proxy asks for, askedTransport all of it.
type plainTransport struct{}

func (plainTransport) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.EOF }

type askedTransport struct{ plainTransport }

func (askedTransport) OverrideHealthCheckScheme(base *url.URL, _ string) { base.Scheme = "https" }
func (askedTransport) RequestHeaderOps() *headers.HeaderOps              { return new(headers.HeaderOps) }
func (askedTransport) ProxyProtocolEnabled() bool                        { return true }
func (askedTransport) RequiresContentLength() bool                       { return true }
func (askedTransport) DefaultBufferSizes() (int64, int64)                { return 1, 2 }

// A transport is asked the same behind a gate as elsewhere.
func TestRedactedTransportIsAsked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inner http.RoundTripper
		has   bool
	}{{plainTransport{}, false}, {askedTransport{}, true}} {
		transport := &redactedTransport{inner: c.inner}
		base := &url.URL{Scheme: "http"}
		transport.OverrideHealthCheckScheme(base, "443")
		request, response := transport.DefaultBufferSizes()
		got := []bool{
			base.Scheme == "https", transport.RequestHeaderOps() != nil, transport.ProxyProtocolEnabled(),
			transport.RequiresContentLength(), request == 1, response == 2,
		}
		for i, has := range got {
			if has != c.has {
				t.Errorf("%T: answer %d is %t", c.inner, i, has)
			}
		}
		if _, err := transport.RoundTrip(new(http.Request)); err != io.EOF {
			t.Errorf("%T: %v, want its own error", c.inner, err)
		}
	}
}

// An answer that ends too early is a warning of reverse_proxy, with the request's headers, at the level that everybody has.
func TestIncompleteAnswerShowsNoCredential(t *testing.T) {
	t.Parallel()
	site, app := corpusSite(t, "credential header X-Api-Key")
	app.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nhalf")
			conn.Close()
		}
		return true
	})
	conn, response := exchangeOpen(t, site.Addr, get("/ws/a/", upgrade+"X-Api-Key: "+goodKey+"\r\n"))
	_, _ = io.Copy(io.Discard, response.Body)
	conn.Close()
	eventually(t, "the warning", func() bool { return len(site.Logs.With("aborting with incomplete response")) == 1 })
	if line := site.Logs.With("aborting with incomplete response")[0]; line["level"] != "warn" || strings.Contains(site.Logs.String(), goodKey) {
		t.Errorf("the log shows the key: %v", line)
	}
}

// FastCGI makes its parameters of the request as it came, not of the one that the logs see.
func TestFastCGIBehindTheGate(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		_ = fcgi.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.RequestURI())
		}))
	}()
	site := startSite(t, `
		http://localhost
		websocket_gate {
			route a /ws/a/ {
				key `+goodKey+`
			}
		}
		reverse_proxy `+listener.Addr().String()+` {
			transport fastcgi {
				root /srv
			}
		}`)
	response := exchange(t, site.Addr, "GET /page?key="+goodKey+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if body, _ := io.ReadAll(response.Body); response.StatusCode != 200 || string(body) != "/page?key="+goodKey {
		t.Errorf("%s %q, want the target as it came", response.Status, body)
	}
}
