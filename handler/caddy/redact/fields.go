package redact

import (
	"context"
	"fmt"
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// extraFields are what log_append, tracing and others added to the access line of a request, redacted. Caddy has no function
// that returns them, so they are read by reflection: where another version keeps them elsewhere, the line goes without, and a
// test fails. Of values that are neither text nor number the text is written.
func extraFields(ctx context.Context, redaction *gate.Redaction) []zapcore.Field {
	extra, ok := ctx.Value(caddyhttp.ExtraLogFieldsCtxKey).(*caddyhttp.ExtraLogFields)
	if !ok {
		return nil
	}
	list := reflect.ValueOf(extra).Elem().FieldByName("fields")
	if !list.IsValid() || list.Type() != reflect.TypeFor[[]zapcore.Field]() {
		return nil
	}
	fields := make([]zapcore.Field, 0, list.Len())
	for i := range list.Len() {
		field := copyField(list.Index(i))
		field.String = redaction.TextOf(field.String)
		fields = append(fields, field)
	}
	return fields
}

// copyField is a zapcore.Field that reflection may read and not hand out.
func copyField(field reflect.Value) zapcore.Field {
	read := zapcore.Field{
		Key:     field.FieldByName("Key").String(),
		Type:    zapcore.FieldType(field.FieldByName("Type").Uint()),
		Integer: field.FieldByName("Integer").Int(),
		String:  field.FieldByName("String").String(),
	}
	value := field.FieldByName("Interface")
	if value.IsNil() || read.Type == zapcore.TimeType { // whose time zone alone is there
		return read
	}
	return zap.String(read.Key, fmt.Sprint(value.Elem()))
}

// bytesRead is how much of the request's body the handlers read. Caddy's counter is read by reflection too.
func bytesRead(body any) int64 {
	counter := reflect.Indirect(reflect.ValueOf(body))
	if counter.Kind() != reflect.Struct {
		return 0
	}
	length := counter.FieldByName("Length")
	if !length.IsValid() || !length.CanInt() {
		return 0
	}
	return length.Int()
}
