package keys

import (
	"encoding/base64"
	"strings"
)

// Encodings returns the texts in which a secret may appear: the secret itself, the secret with + for blanks as in forms, the secret
// in lower case as browsers write hosts, and the characters that its base64 always contains. The base64 may be that of the secret
// alone or of a longer text, such as Basic credentials. The secret comes first. An empty secret has no encodings.
func Encodings(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{secret}
	if strings.Contains(secret, " ") {
		all = append(all, strings.ReplaceAll(secret, " ", "+"))
	}
	if lower := strings.ToLower(secret); lower != secret {
		all = append(all, lower)
	}
	for before := range 3 {
		inURL := base64Within(secret, before)
		all = append(all, inURL)
		if standard := standardAlphabet.Replace(inURL); standard != inURL {
			all = append(all, standard)
		}
	}
	return all
}

var standardAlphabet = strings.NewReplacer("-", "+", "_", "/")

// base64Within returns the base64 characters that depend only on the secret if it follows that number of bytes, modulo 3 (RFC
// 4648, 4). Padding and the unused bits of the last character make no difference.
func base64Within(secret string, before int) string {
	encoded := base64.RawURLEncoding.EncodeToString([]byte("\x00\x00"[:before] + secret))
	first := (before*8 + 5) / 6
	end := (before + len(secret)) * 8 / 6
	return encoded[first:end]
}
