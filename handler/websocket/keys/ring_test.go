package keys

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)

func mustKey(t testing.TB, label, secret string, from, until time.Time) Key {
	t.Helper()
	key, err := NewKey(label, secret, from, until)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mustRing(t testing.TB, byRoute map[string][]Key) *Ring {
	t.Helper()
	ring, err := NewRing(byRoute)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestCheck(t *testing.T) {
	t.Parallel()
	never := time.Time{}
	digest := sha256.Sum256([]byte("digest-only-secret"))
	ring := mustRing(t, map[string][]Key{
		"chat": {
			mustKey(t, "old", "chat-secret-of-2025", never, noon),
			mustKey(t, "new", "chat-secret-of-2026", noon.Add(-time.Hour), never),
			mustKey(t, "next", "chat-secret-of-2027", noon.Add(time.Hour), never),
			mustKey(t, "digest", "sha256:"+hex.EncodeToString(digest[:]), never, never),
		},
		"orders": {mustKey(t, "orders", "orders-secret-2026", never, never)},
	})
	for _, c := range []struct {
		name, route, secret string
		now                 time.Time
		want                Status
		label, why          string
	}{
		{"good", "chat", "chat-secret-of-2026", noon, Good, "new", "between from and until"},
		{"digest", "chat", "digest-only-secret", noon, Good, "digest", "configured by its digest"},
		{"last moment", "chat", "chat-secret-of-2025", noon.Add(-1), Good, "old", "until is not reached"},
		{"ended", "chat", "chat-secret-of-2025", noon, Expired, "old", "until is the first moment at which the key is invalid"},
		{"not begun", "chat", "chat-secret-of-2027", noon, Expired, "next", "from is in the future"},
		{"begins", "chat", "chat-secret-of-2027", noon.Add(time.Hour), Good, "next", "from is the first good moment"},
		{"other route", "orders", "chat-secret-of-2026", noon, OtherRoute, "new", "a key of another route"},
		{"no such route", "kitchen", "chat-secret-of-2026", noon, OtherRoute, "new", "a key of another route"},
		{"unknown", "chat", "chat-secret-of-2028", noon, Unknown, "", "unknown"},
		{"prefix", "chat", "chat-secret-of-202", noon, Unknown, "", "a part of a key is no key"},
		{"longer", "chat", "chat-secret-of-2026x", noon, Unknown, "", "more than a key is no key"},
		{"empty", "chat", "", noon, Unknown, "", "an empty text is no key"},
		{"the digest itself", "chat", "sha256:" + hex.EncodeToString(digest[:]), noon, Unknown, "",
			"a digest from the configuration is no key"},
	} {
		got := ring.Check(c.route, c.secret, c.now)
		if got.Status != c.want || got.Label != c.label {
			t.Errorf("Check(%s) = %v %q, want %v %q (%s)", c.name, got.Status, got.Label, c.want, c.label, c.why)
		}
	}
}

func TestStanding(t *testing.T) {
	t.Parallel()
	old := mustKey(t, "a", "a-secret-that-goes", time.Time{}, noon)
	ring := mustRing(t, map[string][]Key{"chat": {old}, "orders": nil})
	relabelled := mustRing(t, map[string][]Key{"chat": {mustKey(t, "b", "a-secret-that-goes", time.Time{}, time.Time{})}})
	id := ring.Check("chat", "a-secret-that-goes", noon.Add(-1)).ID
	switch {
	case ring.StatusOf("chat", id, noon.Add(-1)) != Good:
		t.Error("StatusOf does not find a valid key")
	case ring.StatusOf("chat", id, noon) != Expired:
		t.Error("a key that ended is not expired")
	case ring.StatusOf("orders", id, noon.Add(-1)) != Unknown:
		t.Error("StatusOf finds the key of another route")
	case relabelled.StatusOf("chat", id, noon) != Good:
		t.Error("the same secret under another label is another key")
	}
}

func TestEndedBetween(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, map[string][]Key{"chat": {
		mustKey(t, "a", "a-secret-that-goes", time.Time{}, noon), mustKey(t, "b", "a-secret-that-stays", time.Time{}, time.Time{}),
	}})
	for _, c := range []struct {
		name         string
		after, until time.Duration
		want         bool
	}{
		{"before", -2, -1, false},
		{"at its end", -1, 0, true},
		{"over it", -1, 1, true},
		{"after", 0, 1, false},
	} {
		if got := ring.ExpiredBetween(noon.Add(c.after), noon.Add(c.until)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNewKeyRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, secret, want string }{
		{"empty", "", "at least 16 characters, got 0"},
		{"short", "fifteen-letters", "at least 16 characters, got 15"},
		{"short digest", "sha256:abcd", "64 hex digits"},
		{"no digest", "sha256:" + strings.Repeat("zz", 32), "64 hex digits"},
		{"long digest", "sha256:" + strings.Repeat("ab", 33), "64 hex digits"},
	} {
		_, err := NewKey("label", c.secret, time.Time{}, time.Time{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("NewKey(%s) = %v, want an error with %q", c.name, err, c.want)
		}
		if err != nil && c.secret != "" && strings.Contains(err.Error(), c.secret) {
			t.Errorf("the error of NewKey(%s) shows the secret: %v", c.name, err)
		}
	}
	if _, err := NewKey("label", "a-secret-long-enough", noon, noon); err == nil {
		t.Error("NewKey accepted a key that ends when it begins")
	}
}

func TestRingRefusesOneSecretTwiceOnARoute(t *testing.T) {
	t.Parallel()
	_, err := NewRing(map[string][]Key{"chat": {
		mustKey(t, "a", "the-very-same-secret", time.Time{}, time.Time{}),
		mustKey(t, "b", "the-very-same-secret", time.Time{}, time.Time{}),
	}})
	if err == nil || !strings.Contains(err.Error(), "keys a and b") {
		t.Errorf("NewRing = %v, want an error that names both labels", err)
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	ring := mustRing(t, map[string][]Key{
		"chat":   {mustKey(t, "a", "the-very-same-secret", time.Time{}, time.Time{})},
		"orders": {mustKey(t, "b", "the-very-same-secret", time.Time{}, time.Time{})},
	})
	want := "[a of route chat and b of route orders]"
	if got := fmt.Sprint(ring.SharedSecrets()); got != want {
		t.Errorf("Shared() = %s, want %s", got, want)
	}
}

func TestKeyShowsItsLabelOnly(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "chat-2026", "hunter2-hunter3-hunter4", time.Time{}, time.Time{})
	encoded, _ := json.Marshal(key)
	digest := hex.EncodeToString(key.digest[:])
	for _, shown := range []string{
		fmt.Sprintf("%v %+v %#v %s %x", key, key, key, key, key),
		fmt.Sprintf("%v %+v %#v %s", &key, &key, &key, &key),
		fmt.Sprintf("%v %+v", []Key{key}, struct{ K Key }{key}),
		string(encoded),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, digest) {
			t.Errorf("a key shows its secret: %s", shown)
		}
	}
}

func FuzzCheck(f *testing.F) {
	secrets := []string{"chat-secret-of-2026", "another-chat-secret"}
	ring := mustRing(f, map[string][]Key{
		"chat":   {mustKey(f, "a", secrets[0], time.Time{}, time.Time{}), mustKey(f, "b", secrets[1], time.Time{}, time.Time{})},
		"orders": {mustKey(f, "c", "orders-secret-2026", time.Time{}, time.Time{})},
	})
	f.Add("chat-secret-of-2026")
	f.Add("orders-secret-2026")
	f.Add("")
	f.Fuzz(func(t *testing.T, secret string) {
		good := ring.Check("chat", secret, noon).Status == Good
		if configured := secret == secrets[0] || secret == secrets[1]; good != configured {
			t.Errorf("Check(%q) good = %v, want %v: only configured keys are valid", secret, good, configured)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, size := range []int{3, 10} {
		byRoute := make(map[string][]Key)
		for r := range size {
			for k := range size {
				label := fmt.Sprintf("route-%d-key-%d", r, k)
				byRoute[fmt.Sprint(r)] = append(byRoute[fmt.Sprint(r)], mustKey(b, label, label+"-secret", time.Time{}, time.Time{}))
			}
		}
		ring := mustRing(b, byRoute)
		for name, secret := range map[string]string{"accepted": "route-1-key-1-secret", "refused": "route-x-key-1-secret"} {
			b.Run(fmt.Sprintf("%s/%dx%d", name, size, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ring.Check("1", secret, noon)
				}
			})
		}
	}
}
