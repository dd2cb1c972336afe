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

// extraFields returns the fields that log_append, tracing and others added to the access line of a request, redacted. Caddy has
// no function that returns them, so extraFields reads them by reflection. If another version of Caddy stores them elsewhere,
// the line lacks them and a test fails. Values that are neither text nor number are written as text.
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

// copyField copies a zapcore.Field that reflection may read but not return.
func copyField(field reflect.Value) zapcore.Field {
	read := zapcore.Field{
		Key:     field.FieldByName("Key").String(),
		Type:    zapcore.FieldType(field.FieldByName("Type").Uint()),
		Integer: field.FieldByName("Integer").Int(),
		String:  field.FieldByName("String").String(),
	}
	value := field.FieldByName("Interface")
	if value.IsNil() || read.Type == zapcore.TimeType { // only its time zone is stored
		return read
	}
	return zap.String(read.Key, fmt.Sprint(value.Elem()))
}
