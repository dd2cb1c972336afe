package redact_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// No line of a request shows its credential, wherever the client wrote it and however it is encoded. All other fields stay.
func TestNoPlaceShowsACredential(t *testing.T) {
	t.Parallel()
	const mixedKey = "Mixed-Case-Key-0123456789"
	base := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	hex := func(text, format string) string {
		var escaped strings.Builder
		for _, c := range []byte(text) {
			fmt.Fprintf(&escaped, format, c)
		}
		return escaped.String()
	}
	places := []struct{ name, method, target, host, header string }{
		{"path", "GET", "/ws/a/%s", "", ""},
		{"path before the route", "GET", "/%s/ws/a/", "", ""},
		{"segment with a name", "GET", "/ws/a/key=%s", "", ""},
		{"escaped query", "GET", "/ws/a/%%3Fkey%%3D%s", "", ""},
		{"query", "GET", "/ws/a/?key=%s", "", ""},
		{"other parameter", "GET", "/ws/a/?note=see-%s-there", "", ""},
		{"name of a parameter", "GET", "/ws/a/?%s=1", "", ""},
		{"fragment", "GET", "/ws/a/?x=1#%s", "", ""},
		{"absolute target", "GET", "http://site.example/ws/a/?key=%s", "site.example", ""},
		{"host", "GET", "/ws/a/", "%s.example", ""},
		{"method", "%s", "/ws/a/", "", ""},
		{"Referer", "GET", "/ws/a/", "", "Referer: https://site.example/%s?x=%[1]s#%[1]s"},
		{"host of Referer", "GET", "/ws/a/", "", "Referer: https://%s.example/"},
		{"Origin", "GET", "/ws/a/", "", "Origin: https://%s.example"},
		{"Cookie", "GET", "/ws/a/", "", "Cookie: a=b; c=%s; d=e"},
		{"name of a cookie", "GET", "/ws/a/", "", "Cookie: a=b; %s=c; d=e"},
		{"cookie without a value", "GET", "/ws/a/", "", "Cookie: %s"},
		{"Bearer", "GET", "/ws/a/", "", "Authorization: Bearer %s"},
		{"other scheme", "GET", "/ws/a/", "", "Authorization: Token token=\"%s\""},
		{"subprotocol", "GET", "/ws/a/", "", "Sec-WebSocket-Protocol: chat, key.%s"},
		{"subprotocol alone", "GET", "/ws/a/", "", "Sec-WebSocket-Protocol: %s"},
		{"subprotocol by another name", "GET", "/ws/a/", "", "Sec-WebSocket-Protocol: chat, token.%s"},
		{"extension", "GET", "/ws/a/", "", "Sec-WebSocket-Extensions: x; y=\"%s\""},
		{"Sec-WebSocket-Key", "GET", "/ws/a/", "", "Sec-WebSocket-Key: %s"},
		{"User-Agent", "GET", "/ws/a/", "", "User-Agent: client/1 (%s)"},
		{"X-Forwarded-For", "GET", "/ws/a/", "", "X-Forwarded-For: 1.2.3.4, %s"},
		{"Forwarded", "GET", "/ws/a/", "", "Forwarded: host=%s"},
		{"name of a field", "GET", "/ws/a/", "", "%s: 1"},
		{"in a JSON value", "GET", "/ws/a/", "", "X-Data: {\"key\":\"%s\"}"},
		{"beside marks", "GET", "/ws/a/", "", "X-Note: /|@~$+%s+$~@|/"},
	}
	for _, key := range []string{testsite.GoodKey, mixedKey} {
		app := testsite.StartApplication(t)
		site := testsite.Start(t, fmt.Sprintf(`
			http:// {
				log
				websocket_gate {
					route a /ws/a/ {
						key %s
						key %s second
						credential query key
						credential subprotocol key
						credential bearer
						origins https://*.example
					}
				}
				reverse_proxy %s
			}`, testsite.GoodKey, mixedKey, app.Addr))
		encodings := map[string]string{
			"plain": key, "upper case": strings.ToUpper(key), "lower case": strings.ToLower(key),
			"escaped": hex(key, "%%%02x"), "escaped in upper case": hex(key, "%%%02X"), "escaped twice": hex(key, "%%25%02x"),
			"base64": base(key), "base64 for URLs": base64.RawURLEncoding.EncodeToString([]byte(key)), "base64 of more": base("user:" + key + ":more"),
			"escaped base64": url.QueryEscape(base(key + "?")),
		}
		ofCase := map[string]bool{"host": true, "host of Referer": true, "Origin": true, "name of a field": true, "method": true}
		for _, place := range places {
			for name, encoded := range encodings {
				if changed := strings.HasSuffix(name, " case") && !strings.HasPrefix(name, "escaped") && encoded != key; changed && !ofCase[place.name] {
					continue // it is another text, except where case does not matter
				}
				if place.name == "method" && len(encoded) > 32 {
					continue // Caddy rejects it before any handler
				}
				fill := func(format string) string {
					if !strings.Contains(format, "%") {
						return format
					}
					return fmt.Sprintf(format, encoded)
				}
				host, method := fill(place.host), fill(place.method)
				if host == "" {
					host = "site.example"
				}
				for _, credential := range []string{"", "Authorization: Bearer " + key + "\r\n"} {
					before := len(site.Logs.String())
					conn, err := net.Dial("tcp", site.Addr)
					if err != nil {
						t.Fatal(err)
					}
					_, _ = io.WriteString(conn, method+" "+fill(place.target)+" HTTP/1.1\r\nHost: "+host+"\r\nSec-WebSocket-Version: 13\r\n"+
						testsite.Upgrade+credential+"X-Other: as it is\r\n"+fill(place.header)+"\r\n"+
						"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
					_, _ = io.ReadAll(io.LimitReader(conn, 12))
					conn.Close()
					lines := testsite.WithoutProxyLines(site.Logs.String()[before:])
					if shown := shownIn(lines, key); shown != "" {
						t.Errorf("%s, %s: shown %s in %s", place.name, name, shown, lines)
					}
				}
			}
		}
		site.Unload()
		if lines := testsite.LogWithoutProxy(site.Logs); shownIn(lines, key) != "" {
			t.Errorf("the log shows %s", shownIn(lines, key))
		} else if strings.Count(lines, "WSREJECT") < 100 || strings.Count(lines, "WSCONNECT") < 10 || strings.Count(lines, "WSDISCONNECT") < 10 ||
			strings.Count(lines, `"X-Other":["as it is"]`) < 200 {
			t.Errorf("the log lacks lines")
		}
	}
}

// shownIn returns the form in which a text shows a key.
func shownIn(text, key string) string {
	for range 3 {
		folded := strings.ToLower(text)
		if strings.Contains(folded, strings.ToLower(key)) {
			return "itself"
		}
		for before := range 3 {
			within := base64.RawURLEncoding.EncodeToString([]byte("ab"[:before] + key))
			if strings.Contains(strings.NewReplacer("+", "-", "/", "_").Replace(text), within[2:len(within)-2]) {
				return "in base64"
			}
		}
		text = unescaped(text)
	}
	return ""
}

func unescaped(text string) string {
	parts := strings.Split(text, "%")
	for i := 1; i < len(parts); i++ {
		if c, err := url.PathUnescape("%" + parts[i][:min(2, len(parts[i]))]); err == nil {
			parts[i] = c + parts[i][2:]
		} else {
			parts[i] = "%" + parts[i]
		}
	}
	return strings.Join(parts, "")
}
