package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"
)

// Bind is what a ticket is bound to: elsewhere it is of no use to whoever has stolen it.
type Bind uint8

// What a ticket may be bound to.
const (
	// BindNone is nothing.
	BindNone Bind = iota
	// BindClient is the network of the client, an IPv4 address or the /64 of an IPv6 address.
	BindClient
	// BindOrigin is the origin of the page.
	BindOrigin
)

// BindingOf is what a ticket is bound to in words: "client 192.0.2.1/32", "client 2001:db8::/64" or
// "origin https://example.com". Empty is nothing, and where tickets are bound, no ticket is issued to it or good for it:
// the client's address is not known, or the request has no Origin. All forms of one address are one client.
//
// The bound claim of a ticket is the first 16 bytes of the HMAC-SHA-256 of these words, in base64url without padding,
// under the secret that signs the ticket, or under the DER form of the public key that verifies it.
func BindingOf(kind Bind, client netip.Addr, origin string) string {
	switch {
	case kind == BindClient && client.IsValid():
		return "client " + clientNetwork(client).String()
	case kind == BindOrigin && origin != "":
		return "origin " + origin
	default:
		return ""
	}
}

func clientNetwork(client netip.Addr) netip.Prefix {
	client = client.Unmap().WithZone("")
	bits := 64
	if client.Is4() {
		bits = 32
	}
	network, _ := client.Prefix(bits) // fails for the zero address alone
	return network
}

// boundClaim is the claim. The words hold a blank, which no token does: what is hashed here is never what a ticket's signature
// stands for.
func (s *signer) boundClaim(binding string) string {
	mac := hmac.New(sha256.New, s.binding)
	mac.Write([]byte(binding))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
