package usher

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const separator = "----------\n"

// Each golden file holds a Caddyfile, a line of hyphens, and the adapted JSON or the error.
func TestAdapt(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/caddyfile/*/*.caddyfiletest")
	if err != nil || len(names) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimPrefix(filepath.ToSlash(name), "testdata/caddyfile/"), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source, want, _ := strings.Cut(string(content), separator)
			got := adaptedOrError(t, source)
			if *update {
				if err := os.WriteFile(name, []byte(source+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func adaptedOrError(t *testing.T, source string) string {
	t.Helper()
	adapted, err := testsite.Adapt(source)
	if err != nil {
		return err.Error() + "\n"
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return indented.String() + "\n"
}

// Invalid secrets do not load. Each error names the route, the file and the line. Neither error nor log contain the secret.
func TestInvalidSecretsDoNotLoad(t *testing.T) {
	t.Setenv("USHER_TEST_EMPTY", "")
	t.Setenv("USHER_TEST_SHORT", "short-secret")
	t.Setenv("USHER_TEST_REFERENCE", "${LIVE_ORDERS_WS_KEY}")
	t.Setenv("USHER_TEST_QUOTES", `"fifteen-letters-and-more"`)
	for _, c := range []struct{ name, key, want, why string }{
		{"unset", "{env.USHER_TEST_UNSET}", "is empty", "an unset variable must not become the key"},
		{"empty", "{env.USHER_TEST_EMPTY}", "is empty", "nor an empty one"},
		{"short", "{env.USHER_TEST_SHORT}", "at least 16 characters, got 12", "it could be guessed"},
		{"literal", "fifteen-letters", "at least 16 characters, got 15", "it could be guessed"},
		{"file", "{file./nowhere/at/all}", "is empty", "an unreadable file must not become the key"},
		{"digest", "sha256:abc", "64 hex digits", "half a digest"},
		{"other digest", "SHA512:" + strings.Repeat("a1", 64), "unsupported digest", "the digest itself would be the key"},
		{"not closed", "{env.LIVE_ORDERS_WS_KEY", "malformed placeholder", "the name of the variable would be the key"},
		{"no braces", "env.LIVE_ORDERS_WS_KEY", "malformed placeholder", "the name of the variable would be the key"},
		{"of a shell", "$LIVE_ORDERS_WS_KEY", "malformed placeholder", "the name of the variable would be the key"},
		{"blank at the end", "`the-first-key-0123 `", "begins or ends with white space", "no client would send it"},
		{"of an example", "change-me-0123456789", "the secret is a placeholder", "everybody knows it"},
		{"of a shell, from a variable", "{env.USHER_TEST_REFERENCE}", "unresolved reference", "the name of the variable would be the key"},
		{"in quotes", "{env.USHER_TEST_QUOTES}", "in quotes", "no client would send them"},
		{"of a shell, in braces", "${LIVE_ORDERS_WS_KEY}", "unrecognized placeholder", "the name of the variable would be the key"},
		{"a line for two", "the-first-key-0123 {env.LIVE_ORDERS_WS_KEY}", "its own line", "the second is no key, and looks like one"},
		{"after its label", "chat fifteen-letters-and-more", "at least 16 characters, got 4", "the label would be logged, and is the secret"},
		{"after its label, with times", "chat fifteen-letters-and-more until 2026-01-31T00:00:00Z", "at least 16 characters, got 4", "it is the secret"},
		{"a line for two literals", "the-first-key-0123 " + strings.Repeat("a1", 16), "its own line", "labels are logged"},
	} {
		site, err := testsite.Provision(t, "http://localhost\nwebsocket_gate {\n\troute chat /ws/chat/ {\n\t\tkey "+c.key+"\n\t}\n}")
		if err == nil {
			t.Errorf("%s: it loads (%s)", c.name, c.why)
			continue
		}
		for _, want := range []string{c.want, "route chat", "Caddyfile:4"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q (%s)", c.name, err, want, c.why)
			}
		}
		printed := err.Error() + site.Logs.String()
		if strings.Contains(printed, "short-secret") || strings.Contains(printed, "fifteen-letters") {
			t.Errorf("%s: error or log contain the secret: %s", c.name, printed)
		}
	}
}

// Invalid routes do not load. Each error names the line.
func TestInvalidRoutesDoNotLoad(t *testing.T) {
	const good = "key the-first-key-0123"
	for _, c := range []struct{ name, route, words, line, want, why string }{
		{"name twice", "chat /else/", good, ":7", "route chat: duplicate name", "one of the two would be forgotten"},
		{"path twice", "orders /ws/chat/", good, ":7", "already belongs to route chat", "one of the two would be forgotten"},
		{"path", "orders ws/orders/", good, ":7", "begins with a slash", "nothing could match it"},
		{"key twice", "orders /ws/orders/", good + "\n" + good, ":9", "are the same secret", "which label would be logged?"},
		{"header", "orders /ws/orders/", good + "\ncredential header Host", ":7", "is used by HTTP or the handshake", "it is not the client's to choose"},
		{"header of the handshake", "orders /ws/orders/", good + "\ncredential header sec-websocket-key", ":7", "is used by HTTP or the handshake", "it is the handshake's"},
		{"header Cookie", "orders /ws/orders/", good + "\ncredential header Cookie", ":7", "write credential cookie", "no browser sends a key there"},
		{"no header's name", "orders /ws/orders/", good + "\ncredential header \"X Key\"", ":7", "want a name of letters", "no client could send it"},
		{"no cookie's name", "orders /ws/orders/", good + "\ncredential cookie a=b", ":7", "want a name of letters", "no client could send it"},
		{"no subprotocol", "orders /ws/orders/", good + "\ncredential subprotocol a,b", ":7", "want a name of letters", "no client could send it"},
		{"placeholder", "orders /ws/orders/", good + "\ncredential query {env.NAME}", ":7", "placeholders do not work", "it would be the name itself"},
		{"dropped header", "orders /ws/orders/", good + "\ncredential header X_Key", ":7", "expected_underscore_headers", "Caddy takes it away before the gate"},
		{"dropped header with a dot", "orders /ws/orders/", good + "\ncredential header X.Key", ":7", "expected_dot_headers", "Caddy takes it away before the gate"},
		{"upstream Host", "orders /ws/orders/", good + "\nupstream_credential header Host the-upstream-key", ":7", "is used by HTTP or the handshake", "it would not be sent"},
		{"upstream header", "orders /ws/orders/", good + "\nupstream_credential header \"X Key\" the-upstream-key", ":7", "want a name of letters", "every handshake would be 502"},
		{"upstream value", "orders /ws/orders/", good + "\nupstream_credential header X-Key `two\nlines`", ":7", "control characters", "every handshake would be 502"},
		{"upstream digest", "orders /ws/orders/", good + "\nupstream_credential query key sha256:" + strings.Repeat("a1", 32), ":7", "needs the secret itself", "the application does not know it"},
		{"upstream placeholder", "orders /ws/orders/", good + "\nupstream_credential query key change-me-change-me", ":7", "the secret is a placeholder", "everybody knows it"},
		{"ticket placeholder", "orders /ws/orders/", "ticket {\nsecret " + strings.Repeat("change-me-", 4) + "\n}", ":8", "the secret is a placeholder", "everybody could sign"},
		{"place twice", "orders /ws/orders/", good + "\ncredential header X-Key\ncredential header x-key", ":7", "duplicate; write it once", "each key would be two"},
		{"bearer twice", "orders /ws/orders/", good + "\ncredential bearer\ncredential bearer", ":7", "credential bearer: duplicate", "each key would be two"},
		{"one place by two names", "orders /ws/orders/", good + "\ncredential bearer\ncredential header Authorization", ":7", "the same field", "each key would be two"},
		{"query of pages", "orders /ws/orders/", "ticket {\nsecret " + strings.Repeat("the-ticket-secret", 2) + "\nissue_on /a/?b\n}", ":8", "decoded path", "it would match no page"},
		{"page with two slashes", "orders /ws/orders/", "ticket {\nsecret " + strings.Repeat("the-ticket-secret", 2) + "\nissue_on //a/*\n}", ":8", "without //", "it would match no page"},
		{"page with dots", "orders /ws/orders/", "ticket {\nsecret " + strings.Repeat("the-ticket-secret", 2) + "\nissue_on /a/../b\n}", ":8", "without //", "it would match no page"},
		{"page of a route", "orders /ws/orders/*", "ticket {\nsecret " + strings.Repeat("the-ticket-secret", 2) + "\nissue_on /ws/orders/a/*\n}", ":8", "a route rejects plain HTTP on", "no page is there"},
		{"pages", "orders /ws/orders/", "ticket {\nsecret " + strings.Repeat("the-ticket-secret", 2) + "\nissue_on /a/*/b\n}", ":8", "last segment", "it would match no page"},
	} {
		caddyfile := "http://localhost\nwebsocket_gate {\n\troute chat /ws/chat/ {\n\t\tkey the-chat-key-012345\n\t}\n\n" +
			"\troute " + c.route + " {\n" + c.words + "\n\t}\n}"
		_, err := testsite.Provision(t, caddyfile)
		if err == nil {
			t.Errorf("%s: it loads (%s)", c.name, c.why)
			continue
		}
		for _, want := range []string{"websocket_gate: ", c.want, "Caddyfile" + c.line} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q (%s)", c.name, err, want, c.why)
			}
		}
	}
}

// Invalid values that only JSON can hold are errors.
func TestInvalidJSONDoesNotLoad(t *testing.T) {
	for _, c := range []struct{ name, gate, want string }{
		{"route", `"routes":[null]`, "route 1 is null or has a null key"},
		{"key", `"routes":[{"name":"chat","paths":["/ws/chat/"],"keys":[null]}]`, "route 1 is null or has a null key"},
		{"dark_after", `"dark_after":-1,"routes":[GOOD]`, "dark_after: negative"},
		{"dark_lasting", `"dark_lasting":-1,"routes":[GOOD]`, "dark_after: negative"},
		{"unlisted", `"unlisted":"deny","routes":[GOOD]`, "unlisted: want refuse or pass"},
		{"max_age", `"routes":[{"max_age":-1,GOOD]`, "negative"},
		{"idle_timeout", `"routes":[{"idle_timeout":-1,GOOD]`, "negative"},
		{"handshake_timeout", `"routes":[{"handshake_timeout":-1,GOOD]`, "negative"},
		{"max_open", `"routes":[{"max_open":-1,GOOD]`, "negative"},
	} {
		const good = `{"name":"chat","paths":["/ws/chat/"],"keys":[{"secret":"the-chat-key-012345"}]}`
		gate := strings.Replace(strings.Replace(c.gate, ",GOOD", ","+good[1:], 1), "GOOD", good, 1)
		_, _, unload, err := testsite.ProvisionHTTP([]byte(`{"admin":{"disabled":true},"apps":{"http":{"servers":{"srv0":{"listen":["unix//json"],` +
			`"routes":[{"handle":[{"handler":"websocket_gate",` + gate + `}]}]}}}}}`))
		if err == nil {
			unload()
			t.Errorf("%s: it loads", c.name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q lacks %q", c.name, err, c.want)
		}
	}
}
