package redact

import (
	"encoding/json"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// Encoder wraps another log encoder and removes credentials from every line of the log: the keys of all websocket_gates in any
// encoding, tickets, and the values of their query parameters, header fields and cookies. It covers messages, fields and nested
// objects of every logger at every level.
type Encoder struct {
	// The encoder that formats the lines. Default: `json`, or `console` if the output is a terminal.
	WrappedRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.encoders inline_key=format"`

	redactingObject
	wrapped zapcore.Encoder
}

// CaddyModule implements caddy.Module.
func (*Encoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "caddy.logging.encoders.websocket_keys",
		New: func() caddy.Module { return new(Encoder) },
	}
}

// Provision loads the wrapped encoder.
func (e *Encoder) Provision(ctx caddy.Context) error {
	if e.WrappedRaw == nil {
		byDefault := new(logging.FilterEncoder) // without filters: it selects json or console by the output
		e.wrap(byDefault)
		return byDefault.Provision(ctx)
	}
	loaded, err := ctx.LoadModule(e, "WrappedRaw")
	if err != nil {
		return fmt.Errorf("websocket_keys: loading the wrapped encoder: %w", err)
	}
	e.wrap(loaded.(zapcore.Encoder))
	return nil
}

func (e *Encoder) wrap(encoder zapcore.Encoder) {
	e.wrapped, e.redactingObject = encoder, redactingObject{encoder}
}

// ConfigureDefaultFormat lets the wrapped encoder select its format by the output.
func (e *Encoder) ConfigureDefaultFormat(writer caddy.WriterOpener) error {
	if nested, ok := e.wrapped.(caddy.ConfiguresFormatterDefault); ok {
		return nested.ConfigureDefaultFormat(writer)
	}
	return nil
}

// UnmarshalCaddyfile parses the encoder. Syntax:
//
//	format websocket_keys {
//		wrap <encoder> ...
//	}
func (e *Encoder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		return d.Errf("websocket_keys: want `wrap <encoder>` in a block, got %q", d.Val())
	}
	for d.NextBlock(0) {
		if d.Val() != "wrap" || e.WrappedRaw != nil {
			return d.Errf("websocket_keys: want one `wrap <encoder>`, got %q", d.Val())
		}
		if !d.NextArg() {
			return d.ArgErr()
		}
		name := d.Val()
		module, err := caddyfile.UnmarshalModule(d, "caddy.logging.encoders."+name)
		if err != nil {
			return err
		}
		if _, ok := module.(zapcore.Encoder); !ok {
			return d.Errf("websocket_keys: want an encoder, got %s", name)
		}
		e.WrappedRaw = caddyconfig.JSONModuleObject(module, "format", name, nil)
	}
	return nil
}

// Clone implements zapcore.Encoder.
func (e *Encoder) Clone() zapcore.Encoder {
	clone := new(Encoder)
	clone.wrap(e.wrapped.Clone())
	return clone
}

// EncodeEntry implements zapcore.Encoder.
func (e *Encoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	clone := e.wrapped.Clone()
	for _, field := range fields {
		field.AddTo(redactingObject{clone})
	}
	entry.LoggerName, entry.Message, entry.Stack = redactText(entry.LoggerName), redactText(entry.Message), redactText(entry.Stack)
	return clone.EncodeEntry(entry, nil)
}

var (
	_ caddy.Provisioner                = (*Encoder)(nil)
	_ caddy.ConfiguresFormatterDefault = (*Encoder)(nil)
	_ caddyfile.Unmarshaler            = (*Encoder)(nil)
	_ zapcore.Encoder                  = (*Encoder)(nil)
)
