package report

import (
	"net/url"
	"testing"
)

func TestListOf100000SocketsIsBounded(t *testing.T) {
	t.Parallel()
	all := make([]Socket, 100_000)
	for i := range all {
		all[i] = Socket{ID: uint64(i + 1), Route: []string{"chat", "orders"}[i%2], Client: "192.0.2.1", BytesIn: 1}
	}
	query, err := ParseSocketQuery(url.Values{"route": {"chat"}, "limit": {"1000"}})
	if err != nil {
		t.Fatal(err)
	}
	seen, pages := 0, 0
	for {
		list := List(all, query)
		if list.Total != 100_000 || list.Matching != 50_000 || list.BytesIn != 50_000 || len(list.Sockets) > MaxLimit {
			t.Fatalf("page %d has %d of %d sockets and the totals %d, %d", pages, len(list.Sockets), list.Matching, list.Total, list.BytesIn)
		}
		seen, pages = seen+len(list.Sockets), pages+1
		if list.Next == 0 {
			break
		}
		query.After = list.Next
	}
	if seen != 50_000 || pages != 50 {
		t.Errorf("%d sockets on %d pages, want each once", seen, pages)
	}
}

func TestFiltersSelect(t *testing.T) {
	t.Parallel()
	socket := Socket{ID: 7, Route: "chat", Key: "chat-2026", Host: "example.com:8443", Client: "2001:db8::1", Upstream: "127.0.0.1:8001", User: "42", Session: 9}
	for _, c := range []struct {
		query string
		want  bool
		why   string
	}{
		{"", true, "no filter matches all"},
		{"id=7", true, "the number"},
		{"id=8", false, "another number"},
		{"route=chat&key=chat-2026", true, "both match"},
		{"route=chat&key=other", false, "all filters must match"},
		{"host=EXAMPLE.com", true, "hosts have no case, and the port may be left out"},
		{"host=example.com:8443", true, "the port may stand"},
		{"host=example.com:443", false, "another port"},
		{"client=2001:db8::/64", true, "a network"},
		{"client=2001:db8::1", true, "an address"},
		{"client=10.0.0.0/8", false, "another network"},
		{"user=42&session=9", true, "the user and the session"},
		{"user=4", false, "a user is compared whole"},
		{"session=8", false, "another session"},
		{"upstream=127.0.0.1:8001", true, "the upstream"},
	} {
		values, _ := url.ParseQuery(c.query)
		query, err := ParseSocketQuery(values)
		if err != nil || query.Matches(&socket) != c.want {
			t.Errorf("%s: %t, %v, want %t (%s)", c.query, query.Matches(&socket), err, c.want, c.why)
		}
	}
}

// A script with an unset variable would close the sockets of all users that have no name.
func TestAFilterWithoutAValueIsAnError(t *testing.T) {
	t.Parallel()
	for _, name := range FilterNames() {
		if _, err := ParseSocketQuery(url.Values{name: {""}}); err == nil {
			t.Errorf("%s= is no error", name)
		}
	}
	for _, name := range []string{"id", "session"} {
		if _, err := ParseSocketQuery(url.Values{name: {"0"}}); err == nil {
			t.Errorf("%s=0 is no error; no socket has this number", name)
		}
	}
}

func TestServesHost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hosts []string
		host  string
		want  bool
		why   string
	}{
		{nil, "any.example", true, "a site without hosts serves all"},
		{[]string{"example.com"}, "EXAMPLE.com:443", true, "case and port do not count"},
		{[]string{"example.com"}, "www.example.com", false, "another host"},
		{[]string{"*.example.com"}, "www.example.com", true, "one label"},
		{[]string{"*.example.com"}, "a.b.example.com", false, "a star is one label"},
		{[]string{"::1"}, "[::1]:80", true, "an address"},
	} {
		if got := ServesHost(c.hosts, c.host); got != c.want {
			t.Errorf("ServesHost(%q, %q) = %t, want %t (%s)", c.hosts, c.host, got, c.want, c.why)
		}
	}
}
