package websockettunnel

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseUpstream(t *testing.T) {
	t.Parallel()
	cases := []struct {
		written, why string
		want         []address
		err          string
	}{
		{"localhost:8001", "", []address{{"tcp", "localhost:8001", ""}}, ""},
		{"app", "port 80, as in reverse_proxy", []address{{"tcp", "app:80", ""}}, ""},
		{":8001", "this machine", []address{{"tcp", ":8001", ""}}, ""},
		{"[::1]:8001", "", []address{{"tcp", "[::1]:8001", ""}}, ""},
		{"tcp4/app:8001", "", []address{{"tcp4", "app:8001", ""}}, ""},
		{"app:8001-8002", "", []address{{"tcp", "app:8001", ""}, {"tcp", "app:8002", ""}}, ""},
		{"unix//run/daphne.sock", "", []address{{"unix", "/run/daphne.sock", ""}}, ""},
		{"http://app", "", []address{{"tcp", "app:80", ""}}, ""},
		{"https://app", "", []address{{"tcp", "app:443", "app"}}, ""},
		{"https://app:8443", "", []address{{"tcp", "app:8443", "app"}}, ""},
		{"h2c://app", "a handshake is HTTP/1.1", nil, "not h2c"},
		{"unix+h2c//run/app.sock", "the same", nil, "not h2c"},
		{"ftp://app", "", nil, "want http:// or https://"},
		{"http://app/path", "", nil, "alone"},
		{"udp/app:80", "", nil, "want a tcp or unix address"},
		{"unix/", "", nil, "want the path"},
		{"app:99999999", "", nil, "invalid"},
	}
	for _, c := range cases {
		got, err := parseUpstream(c.written)
		if c.want == nil {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("parseUpstream(%s) = %v, %v, want an error with %q (%s)", c.written, got, err, c.err, c.why)
			}
			continue
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || err != nil {
			t.Errorf("parseUpstream(%s) = %v, %v, want %v (%s)", c.written, got, err, c.want, c.why)
		}
	}
}
