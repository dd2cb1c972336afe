package gate

import (
	"encoding/base64"
	"strings"
	"testing"
)

// Whatever stands around a secret of any length, one of its forms is in the base64 of the whole.
func TestFormsOf(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"0123456789abcdef", "0123456789abcdef?", "0123456789abcdef\xff\xfe", "~~~>>>???~~~>>>???~~~"} {
		forms := formsOf(secret)
		for _, before := range []string{"", "a", "bc", "u:xx", "\xff\xff\xff\xff\xff"} {
			for _, after := range []string{"", "z", "yz", "\xff\xff\xff"} {
				for name, encoding := range map[string]*base64.Encoding{
					"URL": base64.RawURLEncoding, "URL, padded": base64.URLEncoding, "standard": base64.StdEncoding,
				} {
					encoded, found := encoding.EncodeToString([]byte(before+secret+after)), false
					for _, form := range forms {
						found = found || strings.Contains(encoded, form)
					}
					if !found {
						t.Errorf("%q in %q, %s: none of %q is in %s", secret, before+secret+after, name, forms, encoded)
					}
				}
			}
		}
		for _, form := range forms {
			if len(form) < len(secret) {
				t.Errorf("%q is so short that it may stand elsewhere by chance", form)
			}
		}
	}
	if forms := formsOf(""); len(forms) > 0 {
		t.Errorf("nothing has the forms %q: they are everywhere", forms)
	}
}
