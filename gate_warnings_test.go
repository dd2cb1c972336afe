package usher

import (
	"strings"
	"testing"
)

// What makes keys less secret than they should be is told when the configuration loads, with the place, without the key.
func TestWarnings(t *testing.T) {
	t.Setenv("USHER_TEST_WARNED", "one-key-from-outside")
	t.Setenv("USHER_TEST_PLUS", "a+key+of-base64+and/so=")
	for _, c := range []struct {
		name, routes string
		want         []string // parts of one line; none: no warning
		why          string
	}{
		{"placeholder", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
		}`, nil, "as it should be"},
		{"digest", `route a /ws/a/ {
			key sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
		}`, nil, "a digest is no secret"},
		{"literal", `route a /ws/a/ {
			key a-key-that-is-literal label
		}`, []string{"a key stands in the configuration itself", `"route":"a"`, `"key":"label"`, "Caddyfile:4"}, "backups have it"},
		{"shared", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED} first
		}
		route b /ws/b/ {
			key {env.USHER_TEST_WARNED}
		}`, []string{"one key opens two routes", "first of route a and b of route b", "Caddyfile:4", "Caddyfile:7"},
			"who has it for the one has it for the other"},
		{"plus", `route a /ws/a/ {
			key {env.USHER_TEST_PLUS}
		}`, []string{"a key holds a +", `"key":"a"`, "Caddyfile:4"}, "a form parser reads it as a space"},
		{"plus in a header", `route a /ws/a/ {
			key {env.USHER_TEST_PLUS}
			credential header X-Api-Key
			hide_credentials
		}`, nil, "a + is a + there"},
		{"header at DEBUG", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
			credential header X-Api-Key
		}`, []string{"at level DEBUG", "http.handlers.reverse_proxy", `"route":"a"`, "Caddyfile:3"}, "reverse_proxy logs what it sends"},
		{"subprotocol at DEBUG", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
			credential subprotocol key
		}`, []string{"at level DEBUG"}, "a header as any"},
		{"upstream header at DEBUG", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
			upstream_credential header X-Key {env.USHER_TEST_PLUS}
		}`, []string{"at level DEBUG"}, "the application's own key"},
		{"hidden", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
			credential header X-Api-Key
			hide_credentials
		}`, nil, "nothing is sent on"},
		{"bearer", `route a /ws/a/ {
			key {env.USHER_TEST_WARNED}
			credential bearer
			credential cookie key
		}`, nil, "Caddy does not show these"},
	} {
		site, err := provisionSite(t, "http://localhost\nwebsocket_gate {\n\t\t"+c.routes+"\n}")
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		site.Unload()
		var warnings []string
		for _, line := range strings.Split(site.Logs.String(), "\n") {
			if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, "http.handlers.websocket_gate") {
				warnings = append(warnings, line)
			}
		}
		if len(warnings) != min(len(c.want), 1) {
			t.Errorf("%s: warned %q (%s)", c.name, warnings, c.why)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(warnings[0], want) {
				t.Errorf("%s: warned %s, which lacks %q (%s)", c.name, warnings[0], want, c.why)
			}
		}
		for _, secret := range []string{"one-key-from-outside", "a+key", "literal-key", "a-key-that-is-literal"} {
			if strings.Contains(site.Logs.String(), secret) {
				t.Errorf("%s: the log tells the key", c.name)
			}
		}
	}
}
