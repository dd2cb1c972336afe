package keys

import (
	"encoding/base64"
	"strings"
	"testing"
)

// For a secret of any length with any surrounding text, the base64 of the whole contains one of the secret's encodings.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"0123456789abcdef", "0123456789abcdef?", "0123456789abcdef\xff\xfe", "~~~>>>???~~~>>>???~~~"} {
		all := Encodings(secret)
		for _, before := range []string{"", "a", "bc", "u:xx", "\xff\xff\xff\xff\xff"} {
			for _, after := range []string{"", "z", "yz", "\xff\xff\xff"} {
				for name, encoding := range map[string]*base64.Encoding{
					"URL": base64.RawURLEncoding, "URL, padded": base64.URLEncoding, "standard": base64.StdEncoding,
				} {
					encoded, found := encoding.EncodeToString([]byte(before+secret+after)), false
					for _, form := range all {
						found = found || strings.Contains(encoded, form)
					}
					if !found {
						t.Errorf("%q in %q, %s: none of %q is in %s", secret, before+secret+after, name, all, encoded)
					}
				}
			}
		}
		for _, form := range all {
			if len(form) < len(secret) {
				t.Errorf("%q is so short that it may occur elsewhere by chance", form)
			}
		}
	}
	if all := Encodings(""); len(all) > 0 {
		t.Errorf("an empty secret has the encodings %q, which occur everywhere", all)
	}
}
