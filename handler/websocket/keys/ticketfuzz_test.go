package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// An accepted ticket was signed by a configured secret, byte for byte, and expires later.
func FuzzVerify(f *testing.F) {
	secrets := []string{ticketSecret, oldTicketSecret}
	tickets := mustTickets(f, TicketConfig{Secrets: secrets})
	for _, secret := range secrets {
		f.Add(hs256(plainHeader, goodClaims, secret))
	}
	f.Add(hs256(plainHeader, goodClaims, "a-secret-that-is-not-configured-"))
	f.Add(asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + ".")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		verdict := tickets.Verify(token, "chat", "", noon)
		if (verdict.Status == Good) != (verdict.Reason == "") {
			t.Errorf("Verify(%q) = %+v: a good ticket has an error", token, verdict)
		}
		if verdict.Status == Unknown {
			return
		}
		dot := strings.LastIndexByte(token, '.')
		if !slices.ContainsFunc(secrets, func(secret string) bool { return token[dot+1:] == asBase64(sum256(secret, token[:dot])) }) {
			t.Errorf("Verify(%q) = %+v, but no configured secret has signed it", token, verdict)
		}
		if !LooksLikeTicket(token) {
			t.Errorf("Verify(%q) = %+v, but it does not look like a ticket", token, verdict)
		}
	})
}

// Changing, dropping or adding any byte invalidates a ticket.
func FuzzVerifyChanged(f *testing.F) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	variants := []struct {
		tickets *Tickets
		token   string
	}{
		{mustTickets(f, TicketConfig{Secrets: []string{ticketSecret}}), hs256(plainHeader, goodClaims, ticketSecret)},
		{mustTickets(f, TicketConfig{PublicKey: pemOf(f, private.Public())}), edDSA(goodClaims, private)},
	}
	for i, v := range variants {
		if v.tickets.Verify(v.token, "chat", "", noon).Status != Good {
			f.Fatalf("variant %d is not good as it is", i)
		}
		f.Add(uint(0), uint(0), "")
		f.Add(uint(len(v.token)-1), uint(1), "A")
		f.Add(uint(len(v.token)), uint(0), "\n")
		f.Add(uint(strings.IndexByte(v.token, '.')), uint(1), "..")
	}
	f.Fuzz(func(t *testing.T, from, length uint, replacement string) {
		for _, v := range variants {
			start := from % uint(len(v.token)+1)
			end := start + length%(uint(len(v.token))-start+1)
			changed := v.token[:start] + replacement + v.token[end:]
			if good := v.tickets.Verify(changed, "chat", "", noon).Status == Good; good != (changed == v.token) {
				t.Errorf("Verify(%q) good = %v, and the ticket is %q", changed, good, v.token)
			}
		}
	})
}

// An accepted ticket names the route and expires later, also for a standard JWT parser, whatever its signer wrote.
func FuzzVerifySigned(f *testing.F) {
	tickets := mustTickets(f, TicketConfig{Secrets: []string{ticketSecret}, Bind: BindClient, Once: true})
	binding := "client 192.0.2.1/32"
	issued := strings.Split(mustIssue(f, tickets, binding, "chat"), ".")
	header, _ := base64.RawURLEncoding.DecodeString(issued[0])
	claims, _ := base64.RawURLEncoding.DecodeString(issued[1])
	f.Add(string(header), string(claims))
	f.Add(plainHeader, goodClaims)
	f.Add(`{"alg":"HS256","crit":[]}`, `{"aud":["chat"],"exp":1e300,"EXP":1,"exp":"1"}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		verdict := tickets.Verify(hs256(header, claims, ticketSecret), "chat", binding, noon)
		if verdict.Status != Good {
			return
		}
		var ticket struct {
			header, claims map[string]any
		}
		if json.Unmarshal([]byte(header), &ticket.header) != nil || json.Unmarshal([]byte(claims), &ticket.claims) != nil {
			t.Fatalf("accepted what is not JSON: %q %q", header, claims)
		}
		list, isList := ticket.claims["aud"].([]any)
		seconds, isNumber := ticket.claims["exp"].(float64)
		bound, _ := ticket.claims["bound"].(string)
		id, _ := ticket.claims["jti"].(string)
		switch {
		case ticket.header["alg"] != "HS256" || ticket.header["crit"] != nil:
			t.Errorf("accepted header %q", header)
		case ticket.claims["aud"] != "chat" && !(isList && slices.Contains(list, any("chat"))):
			t.Errorf("accepted for another route: %q", claims)
		case !isNumber || seconds <= float64(noon.Unix()) || verdict.Until.After(time.Unix(lastDate, 0)):
			t.Errorf("accepted after its end: %q", claims)
		case id == "" || !hmac.Equal([]byte(bound), []byte(asBase64(sum256(ticketSecret, binding)[:16]))):
			t.Errorf("accepted without jti or binding: %q", claims)
		}
	})
}
