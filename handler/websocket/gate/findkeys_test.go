package gate

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

func TestFindKeys(t *testing.T) {
	t.Parallel()
	byRoute := make(map[string][]keys.Key)
	for label, key := range map[string]string{
		"plain": "plain-key-0123456789", "padded": "cGFkZGVkIGtleSBvZiBvdXJz==", "dotted": "dotted.key,of=ours;0123", "odd": "odd key/+0123456789",
		"digest": "sha256:" + fmt.Sprintf("%x", sha256.Sum256([]byte("known-by-its-digest"))),
	} {
		made, err := keys.NewKey(label, key, time.Time{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		byRoute["chat"] = append(byRoute["chat"], made)
	}
	ring, err := keys.NewRing(byRoute)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{
		Ring: ring, Registry: sockets.NewRegistry(time.Now), Now: time.Now, Routes: []*Route{{Name: "chat", Paths: []string{"/ws/"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text string
		want       []string
		why        string
	}{
		{"quoted", `const key = "plain-key-0123456789";`, []string{"plain"}, "as in a script"},
		{"URL", `new WebSocket('wss://a.example/ws/?a=1&key=plain-key-0123456789&b=2')`, []string{"plain"}, "as in the outage"},
		{"template", "`wss://${host}/ws/?key=plain-key-0123456789`", []string{"plain"}, "in a template"},
		{"minified", "a=1;var k={key:plain-key-0123456789};b(k)", []string{"plain"}, "without any quotes"},
		{"padding", "/ws/?key=cGFkZGVkIGtleSBvZiBvdXJz==&x", []string{"padded"}, "base64 keeps its padding"},
		{"delimiters inside", `"dotted.key,of=ours;0123"`, []string{"dotted"}, "these characters may belong to the key"},
		{"delimiters inside, in a URL", `"/ws/?key=dotted.key,of=ours;0123"`, []string{"dotted"}, "to the end of the word"},
		{"escaped", `"/ws/?key=odd+key%2F%2B0123456789"`, []string{"odd"}, "escaped in a URL"},
		{"twice", `"plain-key-0123456789" "plain-key-0123456789"`, []string{"plain"}, "each key is reported once"},
		{"within a word", `"xplain-key-01234567890"`, []string{"plain"}, "next to any characters"},
		{"base64", `"` + base64.StdEncoding.EncodeToString([]byte("user:plain-key-0123456789")) + `"`, []string{"plain"}, "as in Basic credentials"},
		{"escaped twice", `"plain%252dkey%252d0123456789"`, []string{"plain"}, "a URL within a URL"},
		{"other", `"plain-key-0123456788"`, nil, "another key"},
		{"digest", `?token=known-by-its-digest`, []string{"digest"}, "a whole word"},
		{"digest within a word", `?token=xknown-by-its-digest`, nil, "only its digest is configured"},
		{"none", "body { color: red } ", nil, "empty"},
	} {
		var got []string
		for _, found := range g.FindKeys(c.text) {
			got = append(got, found.Label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: FindKeys = %q, want %q (%s)", c.name, got, c.want, c.why)
		}
	}
}

func BenchmarkFindKeys(b *testing.B) {
	g := newGate(b, 3, nil)
	text := ""
	for len(text) < 1<<20 {
		text += "function a(b,c){return document.querySelector(b).addEventListener('click',c)};const x={aa:1,bb:[2,3]};"
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		g.FindKeys(text)
	}
}
