package keys

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	ticketSecret    = "ticket-secret-of-2026-0123456789"
	oldTicketSecret = "ticket-secret-of-2025-0123456789"
)

var asBase64 = base64.RawURLEncoding.EncodeToString

func mustTickets(t testing.TB, config TicketConfig) *Tickets {
	t.Helper()
	tickets, err := NewTickets(config)
	if err != nil {
		t.Fatal(err)
	}
	return tickets
}

func mustIssue(t testing.TB, tickets *Tickets, binding string, routes ...string) string {
	t.Helper()
	token, err := tickets.Issue(routes, "", binding, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// hs256 signs without the library, so that the tests check the RFCs and not the library.
func hs256(header, claims, secret string) string {
	signed := asBase64([]byte(header)) + "." + asBase64([]byte(claims))
	return signed + "." + asBase64(sum256(secret, signed))
}

func sum256(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func pemOf(t testing.TB, public any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

const (
	plainHeader = `{"alg":"HS256","typ":"JWT"}`
	// exp is a minute after noon, the time of the tables.
	goodClaims = `{"aud":"chat","exp":1770811260,"jti":"a"}`
)

func TestTablesCountFromNoon(t *testing.T) {
	t.Parallel()
	if noon.Unix() != 1770811200 {
		t.Fatalf("noon is %d, want 1770811200: the tables have dates around it", noon.Unix())
	}
}

func TestNewTicketsRefuses(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(p256)
	if err != nil {
		t.Fatal(err)
	}
	good := pemOf(t, &p256.PublicKey)
	for _, c := range []struct {
		name   string
		config TicketConfig
		want   string
	}{
		{"nothing", TicketConfig{}, "either secrets or a public key"},
		{"both", TicketConfig{Secrets: []string{ticketSecret}, PublicKey: good}, "either secrets or a public key"},
		{"short", TicketConfig{Secrets: []string{ticketSecret, ticketSecret[:31]}}, "secret 2: want at least 32 bytes, got 31"},
		{"empty", TicketConfig{Secrets: []string{""}}, "secret 1: want at least 32 bytes, got 0"},
		{"placeholder", TicketConfig{Secrets: []string{strings.Repeat("change-me-", 4)}}, "secret 1: the secret is a placeholder"},
		{"digest", TicketConfig{Secrets: []string{"sha256:" + strings.Repeat("ab", 32)}}, "a digest cannot sign"},
		{"public key as secret", TicketConfig{Secrets: []string{string(good)}}, "use public_key for public keys"},
		{"no PEM", TicketConfig{PublicKey: []byte("ticket.pem")}, "complete PEM blocks, got 0 of 0"},
		{"half a PEM", TicketConfig{PublicKey: append(good[:len(good):len(good)], good[:60]...)}, "got 1 of 2"},
		{"private key", TicketConfig{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}, "of type PUBLIC KEY"},
		{"no key in it", TicketConfig{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})}, "public key 1: invalid"},
		{"P-384", TicketConfig{PublicKey: pemOf(t, &p384.PublicKey)}, "Ed25519 or P-256"},
		{"RSA", TicketConfig{PublicKey: append(good[:len(good):len(good)], pemOf(t, &rsaKey.PublicKey)...)}, "public key 2: unsupported kind of key: use Ed25519"},
		{"lifetime", TicketConfig{Secrets: []string{ticketSecret}, Lifetime: time.Second - 1}, "at least 1s"},
		{"negative lifetime", TicketConfig{Secrets: []string{ticketSecret}, Lifetime: -time.Hour}, "at least 1s"},
		{"binding", TicketConfig{Secrets: []string{ticketSecret}, Bind: 3}, "a known binding"},
	} {
		_, err := NewTickets(c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("NewTickets(%s) = %v, want an error with %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "ticket-secret") {
			t.Errorf("the error of NewTickets(%s) shows the secret: %v", c.name, err)
		}
	}
}

func TestLooksLikeTicket(t *testing.T) {
	for _, c := range []struct {
		credential string
		want       bool
	}{
		{hs256(plainHeader, goodClaims, ticketSecret), true},
		{"a.b.c", true},
		{"chat-secret-of-2026", false},
		{"a.b", false},
		{"a.b.c.d", false},
		{"a..c", false},
		{".b.c", false},
		{"a.b.", false},
		{"", false},
		{"..", false},
		{"a.b.c=", false},
		{"a.b+.c", false},
		{"a.b.c\n", false},
		{"a.b.é", false},
	} {
		if got := LooksLikeTicket(c.credential); got != c.want {
			t.Errorf("LooksLikeTicket(%q) = %v, want %v", c.credential, got, c.want)
		}
	}
	token := hs256(plainHeader, goodClaims, ticketSecret)
	if allocated := testing.AllocsPerRun(100, func() { LooksLikeTicket(token) }); allocated != 0 {
		t.Errorf("LooksLikeTicket allocates %v times, want none", allocated)
	}
}

func TestTicketsShowNothing(t *testing.T) {
	t.Parallel()
	config := TicketConfig{Secrets: []string{ticketSecret}}
	tickets := mustTickets(t, config)
	for _, shown := range []string{
		fmt.Sprintf("%v %+v %#v %s %v %+v %#v %s", tickets, tickets, tickets, tickets, config, config, config, config),
		fmt.Sprintf("%v %+v %#v", &config, struct{ C TicketConfig }{config}, struct{ T *Tickets }{tickets}),
	} {
		if strings.Contains(shown, ticketSecret) || strings.Contains(shown, "116 105 99 107") {
			t.Errorf("tickets show their secret: %s", shown)
		}
	}
}

// A use is recorded as long as the ticket is valid, and at most an hour.
func TestOnceLifetime(t *testing.T) {
	t.Parallel()
	if _, err := NewTickets(TicketConfig{Secrets: []string{ticketSecret}, Once: true, Lifetime: time.Hour + time.Second}); err == nil {
		t.Error("NewTickets accepted once with a lifetime above an hour")
	}
	tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Once: true, Lifetime: time.Hour})
	for _, c := range []struct {
		name string
		ends time.Time
		want Status
	}{{"an hour", noon.Add(time.Hour), Good}, {"two hours", noon.Add(2 * time.Hour), Unknown}} {
		token := hs256(plainHeader, fmt.Sprintf(`{"aud":"chat","jti":"1","exp":%d}`, c.ends.Unix()), ticketSecret)
		if got := tickets.Verify(token, "chat", "", noon); got.Status != c.want {
			t.Errorf("%s: Verify = %+v, want %d", c.name, got, c.want)
		}
	}
}
