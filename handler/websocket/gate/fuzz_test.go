package gate

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scan2food/usher/handler/websocket/keys"
)

// An accepted query holds exactly one credential, which is a configured key.
func FuzzQuery(f *testing.F) {
	g := newGate(f, 3, nil)
	for _, query := range []string{"key=" + secret + "-0-0", "key=a&key=b", "%6bey=x", "key=%zz", "a;b", "key=good&&=&key", ""} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := handshake("/ws/0/")
		r.URL.RawQuery = query
		if g.Decide(r).Outcome != Accepted {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil || len(values["key"]) != 1 || !strings.HasPrefix(values["key"][0], secret+"-0-") {
			t.Errorf("accepted %q: %v, %v", query, values["key"], err)
		}
	})
}

// With hide, no form of the credential is forwarded, and the rest of the query is unchanged.
func FuzzHide(f *testing.F) {
	g := newGate(f, 1, func(r *Route) {
		r.Hide = true
		r.Sources = []Source{{InQuery, "key"}, {InSubprotocol, "key"}, {InCookie, "key"}}
	})
	key := secret + "-0-0"
	f.Add("a=1", "b=%2F", "app.v1", "c=d", "https://x/?a=b")
	f.Add("", "&&", ",", ";", "?")
	f.Add("", "", "Key."+base64.RawURLEncoding.EncodeToString([]byte(key)), "", "")
	f.Fuzz(func(t *testing.T, before, after, protocol, cookie, referer string) {
		r := handshake("/ws/0/")
		r.URL.RawQuery = strings.Join([]string{before, "key=" + key, after}, "&")
		r.Header["Sec-Websocket-Protocol"] = []string{protocol}
		r.Header["Cookie"] = []string{cookie}
		r.Header["Referer"] = []string{referer}
		d := g.Decide(r)
		if d.Outcome != Accepted {
			return
		}
		prepare(r, d)
		everything := r.URL.RawQuery + r.RequestURI + fmt.Sprint(r.Header)
		encoded := base64.RawURLEncoding.EncodeToString([]byte(key))
		if strings.Contains(everything, key) || strings.Contains(everything, encoded) {
			t.Errorf("sent on: %q", everything)
		}
		if want := before + "&" + after; r.URL.RawQuery != want && !strings.Contains(before+after, "key") {
			t.Errorf("the rest of the query is %q, want %q", r.URL.RawQuery, want)
		}
	})
}

// FuzzKey checks that a key of any bytes opens its route if it is escaped (RFC 3986), and unescaped if a form parser reads the
// same bytes. The forwarded query does not hold the key.
func FuzzKey(f *testing.F) {
	for _, key := range []string{"0123456789abcdef", "aB3+/cD4+/eF5+/gH==", "per%cent%41%zz-000", "key with spaces &=;#", "\x00\xff\u00fc-0123456789ab"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, value string) {
		key, err := keys.NewKey("label", value, time.Time{}, time.Time{})
		if err != nil {
			return
		}
		if strings.HasPrefix(value, "sha256:") {
			return // a digest
		}
		g := newGate(t, 1, func(r *Route) { r.Hide = true })
		ring, err := keys.NewRing(map[string][]keys.Key{"0": {key}})
		if err != nil {
			t.Fatal(err)
		}
		g.SetRing(ring)
		escaped := url.QueryEscape(value)
		for _, form := range []string{escaped, strings.ReplaceAll(escaped, "+", "%20"), value} {
			values, err := url.ParseQuery("key=" + form)
			if form == value && (!isASCII(value) || err != nil || len(values) != 1 || values.Get("key") != value) {
				continue // a form parser reads other bytes
			}
			r := handshake("/ws/0/")
			r.URL.RawQuery = "a=1&key=" + form + "&b=%2F"
			d := g.Decide(r)
			if d.Outcome != Accepted {
				t.Errorf("%q as %q: %s", value, form, d.Outcome)
				continue
			}
			if prepare(r, d); r.URL.RawQuery != "a=1&b=%2F" {
				t.Errorf("%q as %q: sent on as %q", value, form, r.URL.RawQuery)
			}
		}
	})
}

// Only the listed paths lead to a route.
func FuzzPath(f *testing.F) {
	g := newGate(f, 3, nil)
	for _, target := range []string{"/ws/0/", "//ws/0/", "/ws/%30/", "/ws/0", "/WS/0/", "/x/../ws/0/", "/ws/0/%00"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		if route, _ := g.table.Lookup(u); route != nil && u.EscapedPath() != "/ws/"+route.Name+"/" {
			t.Errorf("%q leads to route %s", target, route.Name)
		}
	})
}

func FuzzOrigin(f *testing.F) {
	pattern, err := ParseOrigin("https://*.example.com")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("https://a.example.com")
	f.Add("https://evil@a.example.com")
	f.Fuzz(func(t *testing.T, origin string) {
		if !(Origins{Listed: []OriginPattern{pattern}}).admits(origin, "https", "x") {
			return
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, ".example.com") || u.User != nil || u.Path != "" {
			t.Errorf("admitted %q", origin)
		}
	})
}
