package keys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"math/big"
	"testing"
)

func edDSA(claims string, key ed25519.PrivateKey) string {
	signed := asBase64([]byte(`{"alg":"EdDSA"}`)) + "." + asBase64([]byte(claims))
	return signed + "." + asBase64(ed25519.Sign(key, []byte(signed)))
}

// es256Parts returns the signed text, and the two numbers of its signature.
func es256Parts(t testing.TB, claims string, key *ecdsa.PrivateKey) (signed string, r, s *big.Int) {
	t.Helper()
	signed = asBase64([]byte(`{"alg":"ES256"}`)) + "." + asBase64([]byte(claims))
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed, r, s
}

func joined(r, s *big.Int) []byte {
	var both [64]byte
	r.FillBytes(both[:32])
	s.FillBytes(both[32:])
	return both[:]
}

func es256(t testing.TB, claims string, key *ecdsa.PrivateKey) string {
	t.Helper()
	signed, r, s := es256Parts(t, claims, key)
	return signed + "." + asBase64(joined(r, s))
}

func TestVerifyPublicKey(t *testing.T) {
	t.Parallel()
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edPEM, ecPEM := pemOf(t, edPublic), pemOf(t, &ec.PublicKey)
	both := append(edPEM[:len(edPEM):len(edPEM)], ecPEM...)
	signed, r, s := es256Parts(t, goodClaims, ec)
	digest := sha256.Sum256([]byte(signed))
	der, err := ecdsa.SignASN1(rand.Reader, ec, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	ecRelabelled := asBase64([]byte(`{"alg":"EdDSA"}`)) + "." + asBase64([]byte(goodClaims))
	relabelled := sha256.Sum256([]byte(ecRelabelled))
	otherR, otherS, err := ecdsa.Sign(rand.Reader, ec, relabelled[:])
	if err != nil {
		t.Fatal(err)
	}
	zero, order := new(big.Int), ec.Params().N
	for _, c := range []struct {
		name   string
		public []byte
		token  string
		want   Status
		why    string
	}{
		{"EdDSA", edPEM, edDSA(goodClaims, edPrivate), Good, "Ed25519 is for EdDSA"},
		{"ES256", ecPEM, signed + "." + asBase64(joined(r, s)), Good, "P-256 is for ES256"},
		{"EdDSA of two", both, edDSA(goodClaims, edPrivate), Good, "all keys verify: rotation"},
		{"ES256 of two", both, es256(t, goodClaims, ec), Good, "all keys verify, each with its algorithm"},
		{"ES256 for EdDSA", edPEM, es256(t, goodClaims, ec), Unknown, "a key has one algorithm"},
		{"EdDSA for ES256", ecPEM, edDSA(goodClaims, edPrivate), Unknown, "a key has one algorithm"},
		{"ES256 that says EdDSA", ecPEM, ecRelabelled + "." + asBase64(joined(otherR, otherS)), Unknown, "the algorithm is that of the key"},
		{"other key", ecPEM, es256(t, goodClaims, other), Unknown, "not ours"},
		{"DER", ecPEM, signed + "." + asBase64(der), Unknown, "JWS has two numbers of 32 bytes (RFC 7518, 3.4)"},
		{"zeros", ecPEM, signed + "." + asBase64(make([]byte, 64)), Unknown, "a careless verifier accepts 0, 0 for every message"},
		{"r zero", ecPEM, signed + "." + asBase64(joined(zero, s)), Unknown, "out of range"},
		{"s zero", ecPEM, signed + "." + asBase64(joined(r, zero)), Unknown, "out of range"},
		{"s is the order", ecPEM, signed + "." + asBase64(joined(r, order)), Unknown, "out of range"},
		{"swapped", ecPEM, signed + "." + asBase64(joined(s, r)), Unknown, "r comes first"},
		{"long", ecPEM, signed + "." + asBase64(append(joined(r, s), 0)), Unknown, "64 bytes and no more"},
		{"other half of s", ecPEM, signed + "." + asBase64(joined(r, new(big.Int).Sub(order, s))), Good,
			"each ECDSA signature has a second valid form; the jti identifies a use"},
		{"public key as HMAC secret, ES256", ecPEM, hs256(plainHeader, goodClaims, string(ecPEM)), Unknown, "the PEM is public"},
		{"public key as HMAC secret, EdDSA", edPEM, hs256(plainHeader, goodClaims, string(edPEM)), Unknown, "the PEM is public"},
		{"public key bytes as HMAC secret", edPEM, hs256(plainHeader, goodClaims, string(edPublic)), Unknown, "the bytes are public"},
		{"HMAC that says ES256", ecPEM, hs256(`{"alg":"ES256"}`, goodClaims, string(ecPEM)), Unknown, "the same under another name"},
		{"none", ecPEM, asBase64([]byte(`{"alg":"none"}`)) + "." + asBase64([]byte(goodClaims)) + ".", Unknown, "unsigned"},
	} {
		tickets := mustTickets(t, TicketConfig{PublicKey: c.public})
		got := tickets.Verify(c.token, "chat", "", noon)
		if got.Status != c.want || tickets.Has(got.ID) != (c.want == Good) {
			t.Errorf("Verify(%s) = %+v, want %d (%s)", c.name, got, c.want, c.why)
		}
	}
}

// Machines compare uses, so these must not depend on the process. IDs of secrets do.
func TestUseOfATicketIsEqualInAllProcesses(t *testing.T) {
	t.Parallel()
	signers, err := secretSigners([]string{"0123456789abcdef0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	const want = "32651fb22ae590d30f19808654b6779c"
	if got := fmt.Sprintf("%x", newUseID(signers[0].use, "chat", "one")); got != want {
		t.Errorf("use %s, want %s", got, want)
	}
}
