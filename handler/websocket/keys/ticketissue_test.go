package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	tickets := mustTickets(t, TicketConfig{Secrets: []string{ticketSecret}, Lifetime: 90 * time.Second})
	token, err := tickets.Issue([]string{"chat", "orders"}, "", "", noon.Add(time.Second/2), bytes.NewReader(make([]byte, 16)))
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
		{"public key", TicketConfig{PublicKey: pemOf(t, public)}, []string{"chat"}, make([]byte, 16), "a public key cannot sign"},
		{"no route", TicketConfig{Secrets: secrets}, nil, make([]byte, 16), "no routes"},
		{"no binding", TicketConfig{Secrets: secrets, Bind: BindClient}, []string{"chat"}, make([]byte, 16), "bind it to"},
		{"no randomness", TicketConfig{Secrets: secrets}, []string{"chat"}, make([]byte, 15), "unexpected EOF"},
		{"too many routes", TicketConfig{Secrets: secrets}, make([]string, 1000), make([]byte, 16), "at most 4096 bytes"},
	} {
		token, err := mustTickets(t, c.config).Issue(c.routes, "", "", noon, iotest.OneByteReader(bytes.NewReader(c.random)))
		if err == nil || token != "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Issue(%s) = %q %v, want an error with %q", c.name, token, err, c.want)
		}
	}
}
