package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
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
	token, err := tickets.Issue(routes, binding, noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// hs256 signs without the library: what it makes is what the RFCs say, whatever the library does.
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
	// at is noon, in seconds: what follows it is written as an offset in the tables.
	goodClaims = `{"aud":"chat","exp":1770811260,"jti":"a"}`
)

func TestNoonOfTheTables(t *testing.T) {
	t.Parallel()
	if noon.Unix() != 1770811200 {
		t.Fatalf("noon is %d: the dates of the tables are a minute around another", noon.Unix())
	}
}

func TestVerifyClaims(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, claims string
		want         Status
		reason       error
		why          string
	}{
		{"good", goodClaims, Good, nil, "one route, an end"},
		{"list", `{"aud":["orders","chat"],"exp":1770811260}`, Good, nil, "aud may be a list (RFC 7519, 4.1.3)"},
		{"other claims", `{"aud":"chat","exp":1770811260,"sub":7,"iss":[],"x":{"exp":1,"exp":2}}`, Good, nil, "what is not asked is not judged"},
		{"other route", `{"aud":"orders","exp":1770811260}`, OtherRoute, errTicketRoute, "aud names the routes"},
		{"other routes", `{"aud":["orders","chats"],"exp":1770811260}`, OtherRoute, errTicketRoute, "a name that only begins like it"},
		{"other case", `{"aud":"Chat","exp":1770811260}`, OtherRoute, errTicketRoute, "aud is compared as it is"},
		{"every route", `{"aud":"*","exp":1770811260}`, OtherRoute, errTicketRoute, "there are no patterns"},
		{"ended elsewhere", `{"aud":"orders","exp":1}`, OtherRoute, errTicketRoute, "as with keys, the route comes first"},
		{"no aud", `{"exp":1770811260}`, Unknown, errTicketNoRoute, "a token for no route was not made for us"},
		{"empty aud", `{"aud":[],"exp":1770811260}`, Unknown, errTicketNoRoute, "a list of none"},
		{"aud null", `{"aud":null,"exp":1770811260}`, Unknown, errTicketText, "null is no name"},
		{"aud number", `{"aud":1,"exp":1770811260}`, Unknown, errTicketText, "a number is no name"},
		{"aud object", `{"aud":{"chat":true},"exp":1770811260}`, Unknown, errTicketText, "an object is no name"},
		{"aud mixed", `{"aud":["chat",1],"exp":1770811260}`, Unknown, errTicketText, "all of the list are names"},
		{"aud nested", `{"aud":[["chat"]],"exp":1770811260}`, Unknown, errTicketText, "all of the list are names"},
		{"ended", `{"aud":"chat","exp":1770811199}`, Expired, errTicketEnded, "a second ago"},
		{"ends now", `{"aud":"chat","exp":1770811200}`, Expired, errTicketEnded, "on or after exp it must not be taken (RFC 7519, 4.1.4)"},
		{"ends soon", `{"aud":"chat","exp":1770811200.25}`, Good, nil, "exp may have a fraction"},
		{"ended just now", `{"aud":"chat","exp":1770811199.75}`, Expired, errTicketEnded, "exp has no leeway"},
		{"exponent", `{"aud":"chat","exp":1.7708112600e9}`, Good, nil, "the same number in other words"},
		{"no exp", `{"aud":"chat"}`, Unknown, errTicketNoExpiry, "a ticket that does not end is none"},
		{"exp null", `{"aud":"chat","exp":null}`, Unknown, errTicketDate, "null is not never"},
		{"exp text", `{"aud":"chat","exp":"1770811260"}`, Unknown, errTicketDate, "a date is a number (RFC 7519, 2)"},
		{"exp true", `{"aud":"chat","exp":true}`, Unknown, errTicketDate, "a date is a number"},
		{"exp list", `{"aud":"chat","exp":[1770811260]}`, Unknown, errTicketDate, "a date is a number"},
		{"exp zero", `{"aud":"chat","exp":0}`, Expired, errTicketEnded, "1970, and not never"},
		{"exp negative", `{"aud":"chat","exp":-1770811260}`, Expired, errTicketEnded, "before 1970"},
		{"exp in milliseconds", `{"aud":"chat","exp":1770811260000}`, Unknown, errTicketDate, "a mistake that made it last for ever"},
		{"exp huge", `{"aud":"chat","exp":1e300}`, Unknown, errTicketDate, "what overflows means anything"},
		{"exp beyond huge", `{"aud":"chat","exp":1e999}`, Unknown, errTicketDate, "no float at all"},
		{"exp hugely negative", `{"aud":"chat","exp":-1e300}`, Unknown, errTicketDate, "what overflows means anything"},
		{"EXP", `{"aud":"chat","EXP":1770811260}`, Unknown, errTicketNoExpiry, "names are compared as they are"},
		{"exp and EXP", `{"aud":"chat","exp":1,"EXP":1770811260}`, Expired, errTicketEnded, "another name is another claim"},
		{"exp twice", `{"aud":"chat","exp":1,"exp":1770811260}`, Unknown, errTicketClaims, "which of the two?"},
		{"exp twice, one escaped", `{"aud":"chat","exp":1,"\u0065xp":1770811260}`, Unknown, errTicketClaims, "the same name in other words"},
		{"aud twice", `{"aud":"orders","aud":"chat","exp":1770811260}`, Unknown, errTicketClaims, "which of the two?"},
		{"nbf soon", `{"aud":"chat","exp":1770811260,"nbf":1770811210}`, Good, nil, "the clock of the application may be 10 seconds ahead"},
		{"nbf later", `{"aud":"chat","exp":1770811260,"nbf":1770811211}`, Expired, errTicketNotYet, "and not 11"},
		{"iat soon", `{"aud":"chat","exp":1770811260,"iat":1770811210}`, Good, nil, "as with nbf"},
		{"iat later", `{"aud":"chat","exp":1770811260,"iat":1770811211}`, Expired, errTicketNotYet, "as with nbf"},
		{"iat long ago", `{"aud":"chat","exp":1770811260,"iat":1}`, Good, nil, "exp alone ends it"},
		{"nbf text", `{"aud":"chat","exp":1770811260,"nbf":"1"}`, Unknown, errTicketDate, "a date is a number"},
		{"iat null", `{"aud":"chat","exp":1770811260,"iat":null}`, Unknown, errTicketDate, "a date is a number"},
		{"jti number", `{"aud":"chat","exp":1770811260,"jti":1}`, Unknown, errTicketText, "jti is text (RFC 7519, 4.1.7)"},
		{"list of claims", `[` + goodClaims + `]`, Unknown, errTicketClaims, "claims are an object"},
		{"two objects", goodClaims + goodClaims, Unknown, errTicketClaims, "claims are one object"},
		{"half", goodClaims[:len(goodClaims)-1], Unknown, errTicketClaims, "claims are a whole object"},
		{"comma at the end", goodClaims[:len(goodClaims)-1] + ",}", Unknown, errTicketClaims, "not JSON"},
		{"comment", `{/**/` + goodClaims[1:], Unknown, errTicketClaims, "not JSON"},
		{"blanks", " \n{ \"aud\" : \"chat\" ,\t\"exp\" : 1770811260 } \n", Good, nil, "JSON may have blanks"},
		{"null", `null`, Unknown, errTicketClaims, "claims are an object"},
		{"deep", `{"aud":"chat","exp":1770811260,"x":` + strings.Repeat("[", 2800), Unknown, errTicketClaims, "no stack is exhausted"},
	} {
		tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
		got := tickets.Verify(hs256(plainHeader, c.claims, ticketSecret), "chat", "", noon)
		if got.Status != c.want || got.Reason != text(c.reason) {
			t.Errorf("Verify(%s) = %d %q, want %d %q (%s)", c.name, got.Status, got.Reason, c.want, text(c.reason), c.why)
		}
		if known := got.Status != Unknown; tickets.Has(got.ID) != known || got.Until.IsZero() == known {
			t.Errorf("Verify(%s) = %+v, want signer and end of what is known, and of nothing else", c.name, got)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestVerifyHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, header string
		want         Status
		reason       error
		why          string
	}{
		{"plain", plainHeader, Good, nil, "as PyJWT and golang-jwt write it"},
		{"no typ", `{"alg":"HS256"}`, Good, nil, "typ is optional"},
		{"key of the sender", `{"alg":"HS256","kid":"../../dev/null","jku":"https://evil.example","jwk":{}}`, Good, nil,
			"nobody follows what a ticket says of its key; the signature is ours"},
		{"none", `{"alg":"none"}`, Unknown, errTicketAlgorithm, "it must not call itself unsigned"},
		{"HS512", `{"alg":"HS512"}`, Unknown, errTicketAlgorithm, "the configuration says HS256"},
		{"lower case", `{"alg":"hs256"}`, Unknown, errTicketAlgorithm, "names are compared as they are"},
		{"no alg", `{"typ":"JWT"}`, Unknown, errTicketAlgorithm, "alg is needed (RFC 7515, 4.1.1)"},
		{"alg list", `{"alg":["HS256"]}`, Unknown, errTicketAlgorithm, "alg is text"},
		{"alg twice", `{"alg":"none","alg":"HS256"}`, Unknown, errTicketHeader, "which of the two?"},
		{"ALG", `{"ALG":"HS256"}`, Unknown, errTicketAlgorithm, "names are compared as they are"},
		{"critical", `{"alg":"HS256","crit":["exp"]}`, Unknown, errTicketCritical, "we understand no extension"},
		{"critical b64", `{"alg":"HS256","crit":["b64"],"b64":false}`, Unknown, errTicketCritical, "RFC 7797 is an extension"},
		{"critical nothing", `{"alg":"HS256","crit":[]}`, Unknown, errTicketCritical, "an empty list is forbidden (RFC 7515, 4.1.11)"},
		{"no object", `"HS256"`, Unknown, errTicketHeader, "a header is an object"},
	} {
		tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
		got := tickets.Verify(hs256(c.header, goodClaims, ticketSecret), "chat", "", noon)
		if got.Status != c.want || got.Reason != text(c.reason) {
			t.Errorf("Verify(%s) = %d %q, want %d %q (%s)", c.name, got.Status, got.Reason, c.want, text(c.reason), c.why)
		}
	}
}

func TestVerifySignature(t *testing.T) {
	t.Parallel()
	good := hs256(plainHeader, goodClaims, ticketSecret)
	signed, signature := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	hs512 := hmac.New(sha512.New, []byte(ticketSecret))
	hs512.Write([]byte(asBase64([]byte(`{"alg":"HS512"}`)) + "." + asBase64([]byte(goodClaims))))
	tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
	for _, c := range []struct{ name, token, why string }{
		{"other secret", hs256(plainHeader, goodClaims, oldTicketSecret), "not a secret of ours"},
		{"empty secret", hs256(plainHeader, goodClaims, ""), "nothing is no secret"},
		{"part of the secret", hs256(plainHeader, goodClaims, ticketSecret[:31]), "a part of it is no secret"},
		{"none", asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + ".", "unsigned"},
		{"none, signed", asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + "." + signature, "signature of another"},
		{"HS512", asBase64([]byte(`{"alg":"HS512"}`)) + "." + asBase64([]byte(goodClaims)) + "." + asBase64(hs512.Sum(nil)),
			"the right secret under another algorithm"},
		{"half a signature", signed + "." + asBase64(sum256(ticketSecret, signed)[:16]), "a part of it is no signature"},
		{"padded", good + "=", "JWT has no padding"},
		{"bits behind the end", good[:len(good)-1] + string(good[len(good)-1]+1), "the same bytes in other letters"},
		{"line break", signed + ".\n" + signature, "base64 decoders skip line breaks"},
		{"carriage return", good + "\r", "base64 decoders skip line breaks"},
		{"blank", " " + good, "nothing is trimmed"},
		{"standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(signed) + ".++++" + signature[4:], "another alphabet"},
		{"four parts", good + "." + signature, "three parts"},
		{"two parts", signed, "three parts"},
		{"empty", "", "nothing"},
		{"dots", "..", "three parts of nothing"},
		{"oversized", hs256(plainHeader, `{"aud":"chat","exp":1770811260,"x":"`+strings.Repeat("x", 3072)+`"}`, ticketSecret), "over 4 KiB"},
	} {
		if got := tickets.Verify(c.token, "chat", "", noon); got.Status != Unknown || got.ID != (ID{}) || got.Reason == "" {
			t.Errorf("Verify(%s) = %+v, want unknown (%s)", c.name, got, c.why)
		}
	}
}

func TestVerifyRotation(t *testing.T) {
	t.Parallel()
	before := mustTickets(t, TicketConfig{Secrets: []string{oldTicketSecret}})
	during := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret, oldTicketSecret}})
	after := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
	old, fresh := mustIssue(t, before, "", "chat"), mustIssue(t, during, "", "chat")
	for _, c := range []struct {
		name    string
		tickets *Tickets
		token   string
		want    Status
		why     string
	}{
		{"old before", before, old, Good, "its own secret"},
		{"old during", during, old, Good, "all secrets verify"},
		{"old after", after, old, Unknown, "its secret is gone"},
		{"fresh before", before, fresh, Unknown, "the first secret signs"},
		{"fresh during", during, fresh, Good, "the first secret verifies too"},
		{"fresh after", after, fresh, Good, "its own secret"},
	} {
		if got := c.tickets.Verify(c.token, "chat", "", noon); got.Status != c.want {
			t.Errorf("Verify(%s) = %+v, want %d (%s)", c.name, got, c.want, c.why)
		}
	}
	id := during.Verify(old, "chat", "", noon).ID
	if !before.Has(id) || !during.Has(id) || after.Has(id) || after.Has(ID{}) {
		t.Error("Has does not follow the secret that signed the ticket")
	}
	if key := mustKey(t, "a", oldTicketSecret, time.Time{}, time.Time{}); key.ID() == id {
		t.Error("a key and a ticket secret have one ID: the one would keep the sockets of the other")
	}
}

func TestIssue(t *testing.T) {
	t.Parallel()
	tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Lifetime: 90 * time.Second})
	token, err := tickets.Issue([]string{"chat", "orders"}, "", noon.Add(time.Second/2), bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(claims, &got), json.Unmarshal(
		[]byte(`{"aud":["chat","orders"],"iat":1770811200,"exp":1770811290,"jti":"AAAAAAAAAAAAAAAAAAAAAA"}`), &want)); err != nil {
		t.Fatal(err)
	}
	if string(header) != plainHeader || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("Issue = %s %s, want %s %v", header, claims, plainHeader, want)
	}
	for route, status := range map[string]Status{"chat": Good, "orders": Good, "kitchen": OtherRoute} {
		if got := tickets.Verify(token, route, "", noon); got.Status != status {
			t.Errorf("Verify(%s) = %+v, want %d", route, got, status)
		}
	}
	if got := tickets.Verify(token, "chat", "", noon.Add(90*time.Second)); got.Status != Expired || !got.Until.Equal(noon.Add(90*time.Second)) {
		t.Errorf("Verify(after its lifetime) = %+v, want expired", got)
	}
	if other := mustIssue(t, tickets, "", "chat"); other == mustIssue(t, tickets, "", "chat") {
		t.Error("two tickets are the same")
	}
}

func TestIssueRefuses(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{ticketSecret}
	for _, c := range []struct {
		name   string
		config TicketConfig
		routes []string
		random []byte
		want   string
	}{
		{"public key", TicketConfig{PublicKey: pemOf(t, public)}, []string{"chat"}, make([]byte, 16), "got a public key"},
		{"no route", TicketConfig{Secrets: secrets}, nil, make([]byte, 16), "at least one route"},
		{"no binding", TicketConfig{Secrets: secrets, Bind: BindClient}, []string{"chat"}, make([]byte, 16), "bind it to"},
		{"no randomness", TicketConfig{Secrets: secrets}, []string{"chat"}, make([]byte, 15), "unexpected EOF"},
		{"too many routes", TicketConfig{Secrets: secrets}, make([]string, 1000), make([]byte, 16), "at most 4096 bytes"},
	} {
		token, err := mustTickets(t, c.config).Issue(c.routes, "", noon, iotest.OneByteReader(bytes.NewReader(c.random)))
		if err == nil || token != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Issue(%s) = %q %v, want an error with %q", c.name, token, err, c.want)
		}
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
		{"digest", TicketConfig{Secrets: []string{"sha256:" + strings.Repeat("ab", 32)}}, "a digest cannot sign"},
		{"public key as secret", TicketConfig{Secrets: []string{string(good)}}, "everybody may know"},
		{"no PEM", TicketConfig{PublicKey: []byte("ticket.pem")}, "whole PEM blocks, got 0"},
		{"half a PEM", TicketConfig{PublicKey: append(good[:len(good):len(good)], good[:60]...)}, "got 1, and 2 begun"},
		{"private key", TicketConfig{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}, "of type PUBLIC KEY"},
		{"no key in it", TicketConfig{PublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})}, "reading it"},
		{"P-384", TicketConfig{PublicKey: pemOf(t, &p384.PublicKey)}, "Ed25519 or P-256"},
		{"RSA", TicketConfig{PublicKey: append(good[:len(good):len(good)], pemOf(t, &rsaKey.PublicKey)...)}, "public key 2: want an Ed25519"},
		{"lifetime", TicketConfig{Secrets: []string{ticketSecret}, Lifetime: time.Second - 1}, "at least 1s"},
		{"negative lifetime", TicketConfig{Secrets: []string{ticketSecret}, Lifetime: -time.Hour}, "at least 1s"},
		{"binding", TicketConfig{Secrets: []string{ticketSecret}, Bind: 3}, "a known binding"},
	} {
		_, err := NewTickets(c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("NewTickets(%s) = %v, want an error with %q", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "ticket-secret") {
			t.Errorf("NewTickets(%s) tells the secret: %v", c.name, err)
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

func BenchmarkVerifyTicket(b *testing.B) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	secrets := TicketConfig{Secrets: []string{ticketSecret, oldTicketSecret}}
	binding := "client 192.0.2.1/32"
	good := mustIssue(b, mustTickets(b, secrets), "", "chat", "orders", "payment")
	for _, c := range []struct {
		name   string
		config TicketConfig
		token  string
		want   Status
	}{
		{"HS256", secrets, good, Good},
		{"HS256 bound once", TicketConfig{Secrets: secrets.Secrets, Bind: BindClient, Once: true},
			mustIssue(b, mustTickets(b, TicketConfig{Secrets: secrets.Secrets, Bind: BindClient}), binding, "chat"), Good},
		{"HS256 forged", secrets, good[:len(good)-4] + "AAAA", Unknown},
		{"EdDSA", TicketConfig{PublicKey: pemOf(b, public)}, edDSA(goodClaims, private), Good},
		{"ES256", TicketConfig{PublicKey: pemOf(b, &ec.PublicKey)}, es256(b, goodClaims, ec), Good},
	} {
		tickets := mustTickets(b, c.config)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := tickets.Verify(c.token, "chat", binding, noon); got.Status != c.want {
					b.Fatal(got)
				}
			}
		})
	}
}
