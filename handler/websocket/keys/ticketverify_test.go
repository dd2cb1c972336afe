package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"strings"
	"testing"
	"time"
)

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
		{"other claims", `{"aud":"chat","exp":1770811260,"sub":7,"iss":[],"x":{"exp":1,"exp":2}}`, Good, nil, "other claims are ignored"},
		{"other route", `{"aud":"orders","exp":1770811260}`, OtherRoute, errTicketRoute, "aud names the routes"},
		{"other routes", `{"aud":["orders","chats"],"exp":1770811260}`, OtherRoute, errTicketRoute, "a name with the same prefix"},
		{"other case", `{"aud":"Chat","exp":1770811260}`, OtherRoute, errTicketRoute, "aud is compared as it is"},
		{"every route", `{"aud":"*","exp":1770811260}`, OtherRoute, errTicketRoute, "there are no patterns"},
		{"ended elsewhere", `{"aud":"orders","exp":1}`, OtherRoute, errTicketRoute, "as with keys, the route comes first"},
		{"no aud", `{"exp":1770811260}`, Unknown, errTicketNoRoute, "aud is required"},
		{"empty aud", `{"aud":[],"exp":1770811260}`, Unknown, errTicketNoRoute, "an empty list"},
		{"aud null", `{"aud":null,"exp":1770811260}`, Unknown, errTicketText, "null is no name"},
		{"aud number", `{"aud":1,"exp":1770811260}`, Unknown, errTicketText, "a number is no name"},
		{"aud object", `{"aud":{"chat":true},"exp":1770811260}`, Unknown, errTicketText, "an object is no name"},
		{"aud mixed", `{"aud":["chat",1],"exp":1770811260}`, Unknown, errTicketText, "a list holds names only"},
		{"aud nested", `{"aud":[["chat"]],"exp":1770811260}`, Unknown, errTicketText, "a list holds names only"},
		{"ended", `{"aud":"chat","exp":1770811199}`, Expired, errTicketEnded, "a second ago"},
		{"ends now", `{"aud":"chat","exp":1770811200}`, Expired, errTicketEnded, "on or after exp it must not be taken (RFC 7519, 4.1.4)"},
		{"ends soon", `{"aud":"chat","exp":1770811200.25}`, Good, nil, "exp may have a fraction"},
		{"ended just now", `{"aud":"chat","exp":1770811199.75}`, Expired, errTicketEnded, "exp has no leeway"},
		{"exponent", `{"aud":"chat","exp":1.7708112600e9}`, Good, nil, "the same number in another form"},
		{"no exp", `{"aud":"chat"}`, Unknown, errTicketNoExpiry, "exp is required"},
		{"exp null", `{"aud":"chat","exp":null}`, Unknown, errTicketDate, "null is not a date"},
		{"exp text", `{"aud":"chat","exp":"1770811260"}`, Unknown, errTicketDate, "a date is a number (RFC 7519, 2)"},
		{"exp true", `{"aud":"chat","exp":true}`, Unknown, errTicketDate, "a date is a number"},
		{"exp list", `{"aud":"chat","exp":[1770811260]}`, Unknown, errTicketDate, "a date is a number"},
		{"exp zero", `{"aud":"chat","exp":0}`, Expired, errTicketEnded, "1970 is a date"},
		{"exp negative", `{"aud":"chat","exp":-1770811260}`, Expired, errTicketEnded, "before 1970"},
		{"exp in milliseconds", `{"aud":"chat","exp":1770811260000}`, Unknown, errTicketDate, "milliseconds instead of seconds"},
		{"exp huge", `{"aud":"chat","exp":1e300}`, Unknown, errTicketDate, "the number overflows"},
		{"exp beyond huge", `{"aud":"chat","exp":1e999}`, Unknown, errTicketDate, "the number exceeds float64"},
		{"exp hugely negative", `{"aud":"chat","exp":-1e300}`, Unknown, errTicketDate, "the number overflows"},
		{"EXP", `{"aud":"chat","EXP":1770811260}`, Unknown, errTicketNoExpiry, "names are compared as they are"},
		{"exp and EXP", `{"aud":"chat","exp":1,"EXP":1770811260}`, Expired, errTicketEnded, "another name is another claim"},
		{"nbf soon", `{"aud":"chat","exp":1770811260,"nbf":1770811230}`, Good, nil, "the clock of the application may be 30 seconds ahead"},
		{"nbf later", `{"aud":"chat","exp":1770811260,"nbf":1770811231}`, Expired, errTicketNotYet, "31 seconds are too many"},
		{"iat soon", `{"aud":"chat","exp":1770811260,"iat":1770811230}`, Good, nil, "as with nbf"},
		{"iat later", `{"aud":"chat","exp":1770811260,"iat":1770811231}`, Expired, errTicketNotYet, "as with nbf"},
		{"iat long ago", `{"aud":"chat","exp":1770811260,"iat":1}`, Good, nil, "exp alone ends it"},
		{"nbf text", `{"aud":"chat","exp":1770811260,"nbf":"1"}`, Unknown, errTicketDate, "a date is a number"},
		{"iat null", `{"aud":"chat","exp":1770811260,"iat":null}`, Unknown, errTicketDate, "a date is a number"},
		{"jti number", `{"aud":"chat","exp":1770811260,"jti":1}`, Unknown, errTicketText, "jti is text (RFC 7519, 4.1.7)"},
		{"sub number", `{"aud":"chat","exp":1770811260,"sub":42}`, Good, nil, "applications write the number of a user"},
		{"sub list", `{"aud":"chat","exp":1770811260,"sub":["42"]}`, Unknown, errTicketText, "a close by user would not find it"},
		{"sub null", `{"aud":"chat","exp":1770811260,"sub":null}`, Unknown, errTicketText, "null is no name"},
		{"sub long", `{"aud":"chat","exp":1770811260,"sub":"` + strings.Repeat("x", MaxUserLength+1) + `"}`, Unknown, errTicketUser, "each socket stores the user"},
		{"list of claims", `[` + goodClaims + `]`, Unknown, errTicketClaims, "claims are an object"},
		{"two objects", goodClaims + goodClaims, Unknown, errTicketClaims, "claims are one object"},
		{"half", goodClaims[:len(goodClaims)-1], Unknown, errTicketClaims, "claims are a whole object"},
		{"comma at the end", goodClaims[:len(goodClaims)-1] + ",}", Unknown, errTicketClaims, "not JSON"},
		{"comment", `{/**/` + goodClaims[1:], Unknown, errTicketClaims, "not JSON"},
		{"blanks", " \n{ \"aud\" : \"chat\" ,\t\"exp\" : 1770811260 } \n", Good, nil, "JSON may have blanks"},
		{"null", `null`, Unknown, errTicketClaims, "claims are an object"},
		{"deep", `{"aud":"chat","exp":1770811260,"x":` + strings.Repeat("[", 2800), Unknown, errTicketClaims, "nesting is bounded"},
	} {
		tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
		got := tickets.Verify(hs256(plainHeader, c.claims, ticketSecret), "chat", "", noon)
		if got.Status != c.want || got.Reason != text(c.reason) {
			t.Errorf("Verify(%s) = %d %q, want %d %q (%s)", c.name, got.Status, got.Reason, c.want, text(c.reason), c.why)
		}
		if known := got.Status != Unknown; tickets.Has(got.ID) != known || got.Until.IsZero() == known {
			t.Errorf("Verify(%s) = %+v, want signer and end for known tickets alone", c.name, got)
		}
	}
}

func TestVerifyReturnsTheUser(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		goodClaims: "", `{"aud":"chat","exp":1770811260,"sub":"anna"}`: "anna", `{"aud":"chat","exp":1770811260,"sub":42}`: "42",
	} {
		tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}})
		if got := tickets.Verify(hs256(plainHeader, claims, ticketSecret), "chat", "", noon); got.User != want {
			t.Errorf("Verify(%s).User = %q, want %q", claims, got.User, want)
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
			"kid, jku and x5u are ignored"},
		{"none", `{"alg":"none"}`, Unknown, errTicketAlgorithm, "alg none is rejected"},
		{"HS512", `{"alg":"HS512"}`, Unknown, errTicketAlgorithm, "the configuration says HS256"},
		{"lower case", `{"alg":"hs256"}`, Unknown, errTicketAlgorithm, "names are compared as they are"},
		{"no alg", `{"typ":"JWT"}`, Unknown, errTicketAlgorithm, "alg is required (RFC 7515, 4.1.1)"},
		{"alg list", `{"alg":["HS256"]}`, Unknown, errTicketAlgorithm, "alg is text"},
		{"ALG", `{"ALG":"HS256"}`, Unknown, errTicketAlgorithm, "names are compared as they are"},
		{"critical", `{"alg":"HS256","crit":["exp"]}`, Unknown, errTicketCritical, "extensions are not supported"},
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
		{"other secret", hs256(plainHeader, goodClaims, oldTicketSecret), "an unknown secret"},
		{"empty secret", hs256(plainHeader, goodClaims, ""), "an empty secret"},
		{"part of the secret", hs256(plainHeader, goodClaims, ticketSecret[:31]), "a part of the secret"},
		{"none", asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + ".", "unsigned"},
		{"none, signed", asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + "." + signature, "the signature of another ticket"},
		{"HS512", asBase64([]byte(`{"alg":"HS512"}`)) + "." + asBase64([]byte(goodClaims)) + "." + asBase64(hs512.Sum(nil)),
			"the right secret under another algorithm"},
		{"half a signature", signed + "." + asBase64(sum256(ticketSecret, signed)[:16]), "a part of the signature"},
		{"padded", good + "=", "JWT has no padding"},
		{"bits behind the end", good[:len(good)-1] + string(good[len(good)-1]+1), "the same bytes, encoded differently"},
		{"line break", signed + ".\n" + signature, "base64 decoders skip line breaks"},
		{"carriage return", good + "\r", "base64 decoders skip line breaks"},
		{"blank", " " + good, "nothing is trimmed"},
		{"standard base64", strings.NewReplacer("-", "+", "_", "/").Replace(signed) + ".++++" + signature[4:], "another alphabet"},
		{"four parts", good + "." + signature, "three parts"},
		{"two parts", signed, "three parts"},
		{"empty", "", "nothing"},
		{"dots", "..", "three empty parts"},
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
		{"old after", after, old, Unknown, "its secret was removed"},
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
		t.Error("a key and a ticket secret have the same ID, so that one would keep the sockets of the other")
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
