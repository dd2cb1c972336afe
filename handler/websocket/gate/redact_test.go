package gate

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
)

func everySource(r *Route) {
	r.Sources = []Source{{InQuery, "key"}, {InHeader, "X-Api-Key"}, {InCookie, "key"}, {In: InBearer}, {InSubprotocol, "key"}}
}

// No log line holds a credential of a request, in any field and for any outcome. All other text stays.
func TestRedact(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, everySource)
	key := secret + "-0-0"
	encoded := base64.RawURLEncoding.EncodeToString([]byte(key))
	for _, c := range []struct {
		name, target string
		header       http.Header
		uri          string
		want         map[string]string
		why          string
	}{
		{"query", "/ws/0/?a=1&key=" + key + "&b=%2F", nil, "/ws/0/?a=1&key=REDACTED&b=%2F", nil, "the rest is unchanged"},
		{"wrong", "/ws/0/?key=of-somebody-else-entirely", nil, "/ws/0/?key=REDACTED", nil, "it may be valid on another site"},
		{"encoded name", "/ws/0/?%6bey=" + key, nil, "/ws/0/?%6bey=REDACTED", nil, "escaped"},
		{"other name", "/ws/0/?token=" + key, nil, "/ws/0/?token=REDACTED", nil, "a key is found by its value"},
		{"invalid escape before it", "/ws/0/?x=%zz&key=" + key, nil, "/ws/0/?x=%zz&key=REDACTED", nil, "the parameter has another name"},
		{"invalid escape in it", "/ws/0/?key=of%zz-somebody-else", nil, "/ws/0/?key=REDACTED", nil, "the whole value"},
		{"semicolon", "/ws/0/?x=1;key=of-somebody-else", nil, "/ws/0/?x=1;key=REDACTED", nil, "some parsers split there"},
		{"path", "/ws/0/" + key + "?a=1", nil, "/ws/0/REDACTED?a=1", nil, "a key in a wrong place is still a key"},
		{"path, without a question mark", "/ws/0/key=" + key + "&a=1", nil, "/ws/0/key=REDACTED&a=1", nil, "the same"},
		{"path, escaped", "/ws/0/" + strings.ReplaceAll(key, "-", "%2d"), nil, "/ws/0/REDACTED", nil, "the same"},
		{"path without a key", "/ws/0/a-segment-that-is-long=x%20y/z", nil, "/ws/0/a-segment-that-is-long=x%20y/z", nil, "as it is"},
		{"header", "/ws/0/", http.Header{"X-Api-Key": {key}}, "/ws/0/", map[string]string{"X-Api-Key": Redacted}, "a header"},
		{"other header", "/ws/0/", http.Header{"X-Other": {key}}, "/ws/0/", map[string]string{"X-Other": Redacted}, "by its value"},
		{"bearer", "/ws/0/", http.Header{"Authorization": {"bearer " + key}}, "/ws/0/",
			map[string]string{"Authorization": "Bearer " + Redacted}, "a token"},
		{"subprotocol", "/ws/0/", http.Header{"Sec-Websocket-Protocol": {"app.v1, key." + encoded}}, "/ws/0/",
			map[string]string{"Sec-Websocket-Protocol": "app.v1, key.REDACTED"}, "encoded"},
		{"quoted subprotocol", "/ws/0/", http.Header{"Sec-Websocket-Protocol": {`"key.` + key + `"`}}, "/ws/0/",
			map[string]string{"Sec-Websocket-Protocol": `"key.REDACTED"`}, "the key in a field that is not a source"},
		{"copy in base64", "/ws/0/?key=" + key, http.Header{"Sec-Websocket-Protocol": {"app.v1, Key." + encoded}, "X-Copy": {encoded + "=="}},
			"/ws/0/?key=REDACTED", map[string]string{"Sec-Websocket-Protocol": "app.v1, Key.REDACTED", "X-Copy": Redacted}, "the key in a field that is not a source"},
		{"Basic credentials", "/ws/0/", http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("u:"+key))}},
			"/ws/0/", map[string]string{"Authorization": "Basic dTREDACTED"}, "the key in a field that is not a source"},
		{"quoted cookie", "/ws/0/", http.Header{"Cookie": {`a="` + key + `"; c=d`}}, "/ws/0/",
			map[string]string{"Cookie": `a="REDACTED"; c=d`}, "the key in a field that is not a source"},
		{"referer", "/ws/0/", http.Header{"Referer": {"https://a/?key=" + key + "#top"}}, "/ws/0/",
			map[string]string{"Referer": "https://a/?key=REDACTED#top"}, "the address of a page"},
		{"in a sentence", "/ws/0/", http.Header{"X-Note": {"see " + key + ", please"}}, "/ws/0/",
			map[string]string{"X-Note": "see REDACTED, please"}, "by its value"},
		{"in a sentence, escaped", "/ws/0/", http.Header{"X-Note": {"see " + strings.ReplaceAll(key, "-", "%2d") + ", please"}}, "/ws/0/",
			map[string]string{"X-Note": Redacted}, "by its value"},
		{"long, and of short words", "/ws/0/", http.Header{"X-Note": {strings.Repeat("a ", 4000)}}, "/ws/0/",
			map[string]string{"X-Note": strings.Repeat("a ", 4000)}, "keys are longer"},
		{"path, escaped query", "/ws/0/%3Fkey%3Dof-somebody-else", nil, "/ws/0/REDACTED", nil, "escaped more than necessary"},
		{"path, escaped twice", "/ws/0/%253Fkey%253Dof-somebody-else", nil, "/ws/0/REDACTED", nil, "the same"},
		{"key escaped twice", "/ws/0/", http.Header{"X-Note": {strings.ReplaceAll(key, "-", "%252d")}}, "/ws/0/",
			map[string]string{"X-Note": Redacted}, "the same"},
		{"name in another case", "/ws/0/?KEY=of-somebody-else", nil, "/ws/0/?KEY=REDACTED", nil, "the gate ignores it, and the log redacts it"},
		{"beside marks", "/ws/0/", http.Header{"X-Note": {"a/" + key + "|b@" + key + "~c$" + key + "+d" + key + "e"}}, "/ws/0/",
			map[string]string{"X-Note": "a/REDACTED|b@REDACTED~c$REDACTED+dREDACTEDe"}, "a key is found next to any character"},
		{"origin", "/ws/0/", http.Header{"Origin": {"https://" + key + ".example"}}, "/ws/0/",
			map[string]string{"Origin": "https://REDACTED.example"}, "a header like others"},
		{"a wrong key repeated", "/ws/0/?key=of-somebody-else", http.Header{"Origin": {"https://of-somebody-else.example"}},
			"/ws/0/?key=REDACTED", map[string]string{"Origin": "https://REDACTED.example"}, "a presented value is redacted in every field"},
		{"many wrong keys", "/ws/0/?" + strings.Repeat("key=of-somebody-else&", 50), nil, "/ws/0/?" + strings.Repeat("key=REDACTED&", 50), nil,
			"each occurrence"},
		{"no credential", "/ws/0/?a=1", http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) of some length"}}, "/ws/0/?a=1",
			map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) of some length"}, "as it is"},
	} {
		r := handshake(c.target)
		for name, values := range c.header {
			r.Header[name] = values
		}
		redaction := g.Redact(r, nil)
		if redaction == nil || redaction.URI != c.uri {
			t.Errorf("%s: Redact = %v, want %s (%s)", c.name, redaction, c.uri, c.why)
			continue
		}
		for name, want := range c.want {
			if got := redaction.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q (%s)", c.name, name, got, want, c.why)
			}
		}
	}
}

// The decoded path in the lines of a socket hides what the escaped path in the access line hides, also a key that no route knows.
func TestRequestPathHidesWhatTheAccessLineHides(t *testing.T) {
	t.Parallel()
	g := newGate(t, 1, everySource)
	for _, c := range []struct{ target, want, why string }{
		{"/ws/0/%3Fkey%3Dof-somebody-else", "/ws/0/REDACTED", "an escaped query"},
		{"/ws/0/%3Fkey=of-somebody-else", "/ws/0/REDACTED", "the same"},
		{"/ws/0/%253Fkey%253Dof-somebody-else", "/ws/0/REDACTED", "escaped twice"},
		{"/ws/0/%3Fa=b%26key=of-somebody-else", "/ws/0/REDACTED", "not the first parameter"},
		{"/ws/0/%3Fkey=of%2Fsomebody-else", "/ws/0/REDACTED", "the slash belongs to the key"},
		{"/ws/0/key=of%2Fsomebody-else", "/ws/0/key=REDACTED", "the same"},
		{"/ws/0/%2Fkey=of-somebody-else", "/ws/0/REDACTED", "the slash may begin a segment"},
		{"/ws/0/" + strings.ReplaceAll(secret, "-", "%252d") + "-0-0/x", "/ws/0/REDACTED/x", "a key of the route, escaped twice"},
		{"/ws/0/a%20room/caf%C3%A9", "/ws/0/a room/café", "as it is"},
	} {
		r := handshake(c.target)
		info := g.info(r, &Decision{Route: g.config.Routes[0]})
		if got := g.Redactor(r, nil).RequestPath(r.URL); got != c.want || info.Path != got {
			t.Errorf("RequestPath(%s) = %s, in the registry %s, want %s (%s)", c.target, got, info.Path, c.want, c.why)
		}
	}
}

// expensiveText consists of words, escapes, tickets and credentials.
func expensiveText(length int) string {
	return strings.Repeat("a=b%2541 eyJ.eyJ.eyJ %255"+secret, length/50)
}

// The time should grow linearly with the size of the request.
func BenchmarkRedact(b *testing.B) {
	g := newGate(b, 10, everySource)
	for _, size := range []int{0, 5 << 10, 20 << 10, 80 << 10} {
		r := handshake("/ws/0/?key=" + secret + "-0-0")
		r.Header.Set("Cookie", "csrftoken=0123456789abcdef0123456789abcdef; sessionid=abcdefghijklmnopqrstuvwxyz012345")
		r.Header.Set("X-Note", expensiveText(size))
		b.Run(fmt.Sprintf("%d KB", size>>10), func(b *testing.B) {
			for b.Loop() {
				g.Redact(r, nil)
			}
		})
	}
}

// The memory that a redaction allocates grows with the size of the request, not with its square: each step of a text makes at
// most one copy of it. Not parallel: the counters of the memory are the process's.
func TestRedactAllocatesLinearly(t *testing.T) {
	g := newGate(t, 10, everySource)
	escaped := secret + "-0-0"
	for range 4 {
		escaped = url.QueryEscape(strings.ReplaceAll(escaped, "e", "%65"))
	}
	pieces := map[string]string{
		"text": "a=b%2541 eyJ.eyJ.eyJ %255" + secret, "escapes": "%25", "escapes of escapes": "%252525", "escaped key": escaped + "&", "tickets": "eyJ.eyJ.eyJ",
		"a long ticket": "eyJ", "keys": secret + "-0-0", "parameters": "key=" + secret + "-0-0&", "parts of parameters": "x;", "cookies": "key=a; ",
		"subprotocols": "key." + base64.RawURLEncoding.EncodeToString([]byte(secret)) + ",", "segments": "/key=a?key=b", "base64": "QUJD=", "equals signs": "=",
	}
	fields := []string{"X-Note", "Cookie", "Sec-Websocket-Protocol", "Referer", "Authorization", "X-Api-Key"}
	for name, piece := range pieces {
		for _, field := range append(fields, "path", "query") {
			used := func(size int) (bytes, objects uint64) {
				r := handshake("/ws/0/?key=" + secret + "-0-0")
				text := strings.Repeat(piece, size/len(piece))
				switch field {
				case "path":
					r.RequestURI = "/" + text
				case "query":
					r.RequestURI, r.URL.RawQuery = "/ws/0/?"+text, text
				default:
					r.Header[field] = []string{text}
				}
				d := g.Decide(r)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				g.Redact(r, d)
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
			}
			const size, times = 5 << 10, 8
			bytes, objects := used(size)
			moreBytes, moreObjects := used(size * times)
			if limit := uint64(times * 2); moreBytes > limit*bytes+16<<10 || moreObjects > limit*objects+64 {
				t.Errorf("%s in %s: %d bytes in %d objects, and %d in %d for %d times the size", name, field, bytes, objects, moreBytes, moreObjects, times)
			}
		}
	}
}

// An accepted request holds exactly one key of the route, in any source. No redacted text contains it.
func FuzzCredentials(f *testing.F) {
	g := newGate(f, 2, everySource)
	key := secret + "-0-0"
	encoded := base64.RawURLEncoding.EncodeToString([]byte(key))
	f.Add("key="+key, "", "", "", "")
	f.Add("", "app.v1, key."+encoded, "", "", "")
	f.Add("", "", "a=b; key="+key, "", "")
	f.Add("", "", "", "Bearer "+key, "")
	f.Add("", `"key.`+key+`"`, `key="`+key+`"`, "", key)
	f.Fuzz(func(t *testing.T, query, protocol, cookie, authorization, apiKey string) {
		r := handshake("/ws/0/")
		r.URL.RawQuery = query
		r.RequestURI = "/ws/0/?" + query
		for name, value := range map[string]string{
			"Sec-Websocket-Protocol": protocol, "Cookie": cookie, "Authorization": authorization, "X-Api-Key": apiKey,
		} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		d := g.Decide(r)
		if d.Outcome != Accepted {
			return
		}
		everything := query + protocol + cookie + authorization + apiKey
		decoded, _ := url.QueryUnescape(query)
		own := strings.Count(everything+decoded, secret+"-0-") + strings.Count(protocol, base64.RawURLEncoding.EncodeToString([]byte(secret))[:20])
		if own == 0 {
			t.Errorf("accepted %q", everything)
		}
		redaction := g.Redact(r, d)
		if shown := redaction.URI + fmt.Sprint(redaction.Header); strings.Contains(shown, d.value) {
			t.Errorf("the log shows %q", shown)
		}
	})
}

// The redactor also covers text that later handlers derive from the request.
func TestRedactTextOfLaterHandlers(t *testing.T) {
	t.Parallel()
	const application = "what-the-application-gets"
	g := newGate(t, 1, func(r *Route) {
		everySource(r)
		r.Upstream = &UpstreamCredential{In: InHeader, Name: "X-Upstream", Secret: application}
	})
	key := secret + "-0-0"
	r := handshake("/ws/0/?key=" + key)
	redaction := g.Redact(r, g.Decide(r))
	made := http.Header{
		"X-Forwarded-Uri":        {"/ws/0/?key=" + key},
		"X-Upstream":             {application},
		"Sec-WebSocket-Protocol": {"app.v1, key." + base64.RawURLEncoding.EncodeToString([]byte(key))},
		"X-Other":                {"as it is"},
	}
	for name, want := range map[string]string{
		"X-Forwarded-Uri": "/ws/0/?key=REDACTED", "X-Upstream": Redacted, "Sec-WebSocket-Protocol": "app.v1, key.REDACTED", "X-Other": "as it is",
	} {
		if got := redaction.HeaderOf(made)[name][0]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if made["X-Upstream"][0] != application {
		t.Error("Redact changed the header that the application gets")
	}

	if got := redaction.TextOf("no socket with " + key + ", and " + application); got != "no socket with REDACTED, and REDACTED" {
		t.Errorf("TextOf = %q", got)
	}
}
