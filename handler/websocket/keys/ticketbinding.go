package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
)

// Bind is what a ticket is bound to. A stolen ticket is useless elsewhere.
type Bind uint8

// Values of Bind.
const (
	// BindNone binds to nothing.
	BindNone Bind = iota
	// BindClient binds to the network of the client, an IPv4 address or an IPv6 /64.
	BindClient
	// BindOrigin binds to the origin of the page.
	BindOrigin
)

// BindingOf returns the text that a ticket is bound to: "client 192.0.2.1/32", "client 2001:db8::/64" or "origin
// https://example.com". The text is empty if the client's network is unknown or the request has no Origin. If tickets are bound,
// no ticket is issued for an empty text or valid with it.
//
// The bound claim of a ticket is the first 16 bytes of the text's HMAC-SHA-256, in base64url without padding. The key of the
// HMAC is the secret that signs the ticket, or the DER form of the public key that verifies it.
func BindingOf(kind Bind, client netip.Prefix, origin string) string {
	switch {
	case kind == BindClient && client.IsValid():
		return "client " + client.String()
	case kind == BindOrigin && origin != "":
		return "origin " + origin
	default:
		return ""
	}
}

// boundClaim returns the claim. The text contains a blank, which no token does, so this HMAC is never a ticket's signature.
func (s *signer) boundClaim(binding string) string {
	mac := hmac.New(sha256.New, s.binding)
	mac.Write([]byte(binding))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
