package redact

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/keys"
	"github.com/scan2food/usher/handler/websocket/sockets"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

const key = "a-key-of-this-test-0123"

func addGate(t *testing.T) {
	t.Helper()
	made, err := keys.NewKey("label", key, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(map[string][]keys.Key{"a": {made}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{
		Ring: ring, Registry: sockets.NewRegistry(time.Now), Now: time.Now,
		Client: func(*http.Request) netip.Addr { return netip.Addr{} },
		Routes: []*gate.Route{{Name: "a", Paths: []string{"/ws/"}, Sources: []gate.Source{{In: gate.InQuery, Name: "key"}, {In: gate.InHeader, Name: "X-Api-Key"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	logs := new(Logs)
	logs.Add(g)
	t.Cleanup(logs.Remove)
}

func newEncoder(t *testing.T, config string) *Encoder {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	e := &Encoder{}
	if config != "" {
		e.WrappedRaw = []byte(config)
	}
	if err := e.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return e
}

// Every kind of field loses the key and keeps the rest.
func TestEncoderFields(t *testing.T) {
	addGate(t)
	header := caddyhttp.LoggableHTTPHeader{Header: http.Header{"X-Api-Key": {"not-a-known-key"}, "Via": {"see " + key}}}
	for _, c := range []struct {
		name  string
		field zap.Field
		want  string // in the line
	}{
		{"string", zap.String("a", "x "+key+" y"), `"a":"x REDACTED y"`},
		{"URL with a wrong key", zap.String("uri", "/ws/?key=not-a-known-key&b=1"), `"uri":"/ws/?key=REDACTED&b=1"`},
		{"bytes", zap.ByteString("a", []byte(key)), `"a":"REDACTED"`},
		{"binary", zap.Binary("a", []byte(key)), `"a":"UkVEQUNURUQ="`},
		{"strings", zap.Strings("a", []string{"b", key}), `"a":["b","REDACTED"]`},
		{"error", zap.Error(errors.New("no " + key)), `"error":"no REDACTED"`},
		{"stringer", zap.Stringer("a", stringer(key)), `"a":"REDACTED"`},
		{"header", zap.Object("headers", header), `"X-Api-Key":["REDACTED"]`},
		{"header by value", zap.Object("headers", header), `"Via":["see REDACTED"]`},
		{"nested", zap.Dict("a", zap.Dict("b", zap.String("c", key))), `"a":{"b":{"c":"REDACTED"}}`},
		{"objects", zap.Objects("a", []object{{key}}), `"a":[{"secret":"REDACTED"}]`},
		{"inline", zap.Inline(object{key}), `"secret":"REDACTED"`},
		{"namespace", zap.Namespace("a"), `"a":{}`},
		{"reflected", zap.Reflect("a", map[string]any{"b": []any{key, 1}, "X-Api-Key": "some"}), `"a":{"X-Api-Key":"REDACTED","b":["REDACTED",1]}`},
		{"reflected, without a key", zap.Reflect("a", struct{ B int }{1}), `"a":{"B":1}`},
		{"name of a field", zap.String(key, "a"), `"REDACTED":"a"`},
		{"number", zap.Int("a", 7), `"a":7`},
		{"duration", zap.Duration("a", time.Second), `"a":1`},
		{"time", zap.Time("a", time.Unix(3, 0)), `"a":3`},
		{"bool", zap.Bool("a", true), `"a":true`},
	} {
		for _, config := range []string{"", `{"format":"json"}`, `{"format":"filter","wrap":{"format":"json"},"fields":{"none":{"filter":"delete"}}}`} {
			encoder := newEncoder(t, config)
			with := encoder.Clone() // as Logger.With does
			c.field.AddTo(with)
			for name, line := range map[string]string{
				"as a field": encode(t, encoder, zapcore.Entry{Message: "m"}, c.field), "by With": encode(t, with, zapcore.Entry{Message: "m"}),
			} {
				if !strings.Contains(line, c.want) || strings.Contains(line, key) {
					t.Errorf("%s %s, %s: %s, want %s", c.name, name, config, line, c.want)
				}
			}
		}
	}
}

// The key is also removed from message, logger name, caller and stack of an entry. No line contains parts of the previous line.
func TestEncoderEntry(t *testing.T) {
	addGate(t)
	encoder := newEncoder(t, "")
	line := encode(t, encoder, zapcore.Entry{Message: "m " + key, LoggerName: "http." + key, Stack: key}, zap.String("a", "1"))
	if strings.Contains(line, key) || !strings.Contains(line, `"msg":"m REDACTED"`) || !strings.Contains(line, `"logger":"http.REDACTED"`) {
		t.Errorf("the line is %s", line)
	}
	if line := encode(t, encoder, zapcore.Entry{Message: "next"}); strings.Contains(line, `"a"`) {
		t.Errorf("the next line is %s", line)
	}
}

func encode(t *testing.T, encoder zapcore.Encoder, entry zapcore.Entry, fields ...zap.Field) string {
	t.Helper()
	line, err := encoder.EncodeEntry(entry, fields)
	if err != nil {
		t.Fatal(err)
	}
	return line.String()
}

type stringer string

func (s stringer) String() string { return string(s) }

type object struct{ secret string }

func (o object) MarshalLogObject(encoder zapcore.ObjectEncoder) error {
	encoder.AddString("secret", o.secret)
	return nil
}

func BenchmarkEncoder(b *testing.B) {
	encoder := new(Encoder)
	encoder.wrap(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()))
	fields := []zap.Field{zap.String("uri", "/static/main.js?v=0123456789abcdef"), zap.Object("headers", caddyhttp.LoggableHTTPHeader{Header: http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"},
		"Accept":     {"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
	}})}
	for b.Loop() {
		line, _ := encoder.EncodeEntry(zapcore.Entry{Message: "handled request"}, fields)
		line.Free()
	}
}
