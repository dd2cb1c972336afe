package gate

import (
	"encoding/base64"
	"strings"
)

// formsOf is a secret as it is, and what is seen of it in base64: by itself, as in a subprotocol, or as a part of something longer,
// as in Basic credentials. "" has no forms.
func formsOf(secret string) []string {
	if secret == "" {
		return nil
	}
	forms := []string{secret}
	for before := range 3 {
		inURL := base64Within(secret, before)
		forms = append(forms, inURL)
		if standard := standardAlphabet.Replace(inURL); standard != inURL {
			forms = append(forms, standard)
		}
	}
	return forms
}

var standardAlphabet = strings.NewReplacer("-", "+", "_", "/")

// base64Within is the characters that belong to the secret alone where so many bytes, modulo 3, stand before it (RFC 4648, 4).
// Padding, and whatever a careless encoder leaves in the last bits, makes no difference then.
func base64Within(secret string, before int) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte("\x00\x00"[:before] + secret))
	first := (before*8 + 5) / 6
	end := (before + len(secret)) * 8 / 6
	return encoded[first:end]
}
