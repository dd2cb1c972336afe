package gate

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
)

// A cookie with a letter such as Å does not block the visitor's sockets. The application does not get the bytes that split lines.
func TestHeaderFieldsWithLineBytesAreDropped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		sent    http.Header
		forward bool
		want    http.Header
		dropped []string
	}{
		{"a cookie of several", http.Header{"Cookie": {"a=b; name=\xc3\x85sa; c=d"}}, false, http.Header{"Cookie": {"a=b; c=d"}}, []string{"Cookie name"}},
		{"the first cookie", http.Header{"Cookie": {"name=\xc3\x85; c=d"}}, false, http.Header{"Cookie": {"c=d"}}, []string{"Cookie name"}},
		{"the only cookie", http.Header{"Cookie": {"name=\xd1\x85"}}, false, http.Header{}, []string{"Cookie name"}},
		{"one cookie line of two", http.Header{"Cookie": {"name=\x85", "a=b"}}, false, http.Header{"Cookie": {"a=b"}}, []string{"Cookie name"}},
		{"another field", http.Header{"X-Name": {"\xe5\x85\xa8"}, "X-Other": {"kept"}}, false, http.Header{"X-Other": {"kept"}}, []string{"X-Name"}},
		{"one line of two", http.Header{"X-Name": {"a\x85Daphne-Root-Path: /x", "kept"}}, false, http.Header{"X-Name": {"kept"}}, []string{"X-Name"}},
		{"other letters", http.Header{"Cookie": {"name=\xc3\xa5"}, "X-Empty": {""}}, false, http.Header{"Cookie": {"name=\xc3\xa5"}, "X-Empty": {""}}, nil},
		{"forwarded", http.Header{"Cookie": {"name=\xc3\x85"}}, true, http.Header{"Cookie": {"name=\xc3\x85"}}, nil},
	} {
		for _, path := range []string{"/ws/0/?key=" + secret + "-0-0", "/unlisted"} {
			g := newGate(t, 1, nil)
			g.config.PassUnlisted, g.config.ForwardNEL = true, c.forward
			r := handshake(path)
			base := r.Header.Clone()
			for name, values := range c.sent {
				r.Header[name] = slices.Clone(values)
			}
			d := g.Decide(r)
			var got http.Header
			_ = g.ServeHTTP(httptest.NewRecorder(), r, d, nextFunc(func(w http.ResponseWriter, r *http.Request) error {
				got = r.Header.Clone()
				w.WriteHeader(http.StatusForbidden)
				return nil
			}))
			for name := range base {
				delete(got, name)
			}
			if !reflect.DeepEqual(got, c.want) || !slices.Equal(d.Dropped, c.dropped) {
				t.Errorf("%s, %s: the application gets %q without %q, want %q without %q", c.name, path, got, d.Dropped, c.want, c.dropped)
			}
		}
	}
}

// Only attackers send such bytes in a path or query.
func TestTargetBytesAreRejected(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/ws/0/?key=" + secret + "-0-0&x=\x85Host:evil", "/ws/0/?x=\xa0", "/ws/0/?x=\xc3\xa5", "/ws/0/\x85", "/unlisted/\xa0", "/?\xff"} {
		for _, pass := range []bool{false, true} {
			g := newGate(t, 1, nil)
			g.config.PassUnlisted = pass
			r := handshake(target)
			r.RequestURI = target
			if d := g.Decide(r); d.Outcome != Malformed || d.Status() != http.StatusBadRequest {
				t.Errorf("%q, unlisted passed %t: %s, status %d, want malformed and 400", target, pass, d.Outcome, d.Status())
			}
		}
	}
	g := newGate(t, 1, nil)
	if d := g.Decide(httptest.NewRequest(http.MethodGet, "/b\xc3\xbcro", nil)); d.Outcome != Passed {
		t.Errorf("a plain request: %s, want passed", d.Outcome)
	}
}
