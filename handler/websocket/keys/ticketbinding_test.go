package keys

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestBindingOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		kind           Bind
		client, origin string
		want           string
	}{
		{"none", BindNone, "192.0.2.1/32", "https://example.com", ""},
		{"client", BindClient, "192.0.2.1/32", "https://example.com", "client 192.0.2.1/32"},
		{"unknown client", BindClient, "", "https://example.com", ""},
		{"origin", BindOrigin, "192.0.2.1/32", "https://example.com", "origin https://example.com"},
		{"no origin", BindOrigin, "192.0.2.1/32", "", ""},
	} {
		var client netip.Prefix
		if c.client != "" {
			client = netip.MustParsePrefix(c.client)
		}
		if got := BindingOf(c.kind, client, c.origin); got != c.want {
			t.Errorf("BindingOf(%s) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestVerifyBinding(t *testing.T) {
	t.Parallel()
	const here, there = "client 192.0.2.1/32", "client 192.0.2.2/32"
	secrets := []string{ticketSecret, oldTicketSecret}
	free, bound := TicketConfig{Secrets: secrets}, TicketConfig{Secrets: secrets, Bind: BindClient}
	old := TicketConfig{Secrets: secrets[1:], Bind: BindClient}
	issue := func(config TicketConfig, binding string) string {
		return mustIssue(t, mustTickets(t, config), binding, "chat")
	}
	for _, c := range []struct {
		name    string
		config  TicketConfig
		token   string
		binding string
		want    Status
		why     string
	}{
		{"same client", bound, issue(bound, here), here, Good, "bound to it"},
		{"rotated", bound, issue(old, here), here, Good, "bound under the secret that signed it"},
		{"other client", bound, issue(bound, here), there, Unknown, "the ticket was copied to another client"},
		{"origin of the same words", bound, issue(bound, here), "origin 192.0.2.1/32", Unknown, "the kind is part of the binding"},
		{"client not known", bound, issue(bound, here), "", Unknown, "the client is unknown"},
		{"not bound", bound, issue(free, ""), here, Unknown, "the configuration requires a binding"},
		{"not bound, client not known", bound, issue(free, ""), "", Unknown, "an unknown client has no binding"},
		{"no longer asked", free, issue(bound, here), there, Good, "the configuration requires no binding any more"},
		{"bound is no text", free, hs256(plainHeader, `{"aud":"chat","exp":1770811260,"bound":1}`, ticketSecret), here, Unknown, "malformed"},
		{"bound is empty", bound, hs256(plainHeader, `{"aud":"chat","exp":1770811260,"bound":""}`, ticketSecret), here, Unknown, "no hash"},
		{"bound in plain", bound, hs256(plainHeader, `{"aud":"chat","exp":1770811260,"bound":"`+here+`"}`, ticketSecret), here, Unknown,
			"a hash, and never the address"},
		{"by the application", bound, hs256(plainHeader, fmt.Sprintf(`{"aud":"chat","exp":1770811260,"bound":"%s"}`,
			asBase64(sum256(ticketSecret, here)[:16])), ticketSecret), here, Good, "the hash is as documented"},
	} {
		if got := mustTickets(t, c.config).Verify(c.token, "chat", c.binding, noon); got.Status != c.want {
			t.Errorf("Verify(%s) = %+v, want %d (%s)", c.name, got, c.want, c.why)
		}
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(issue(bound, here), ".")[1])
	if err != nil || strings.Contains(string(claims), "192.0.2.1") {
		t.Errorf("a ticket shows the address of its client: %s %v", claims, err)
	}
}

func TestVerifyBindingUnderPublicKey(t *testing.T) {
	t.Parallel()
	const here, there = "origin https://example.com", "origin https://example.net"
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded := pemOf(t, public)
	tickets := mustTickets(t, TicketConfig{PublicKey: encoded, Bind: BindOrigin})
	block, _ := pem.Decode(encoded)
	token := edDSA(fmt.Sprintf(`{"aud":"chat","exp":1770811260,"bound":"%s"}`, asBase64(sum256(string(block.Bytes), here)[:16])), private)
	for binding, want := range map[string]Status{here: Good, there: Unknown, "": Unknown} {
		if got := tickets.Verify(token, "chat", binding, noon); got.Status != want {
			t.Errorf("Verify(%q) = %+v, want %d", binding, got, want)
		}
	}
}
