package redact

import (
	"encoding/json"

	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/websocket/gate"
)

// redactingObject removes credentials from what is added to an object of a log line.
type redactingObject struct{ zapcore.ObjectEncoder }

// AddString implements zapcore.ObjectEncoder, as the following methods do.
func (o redactingObject) AddString(key, value string) {
	o.ObjectEncoder.AddString(redactText(key), redactField(key, value))
}

// AddByteString is for text.
func (o redactingObject) AddByteString(key string, value []byte) { o.AddString(key, string(value)) }

// AddBinary is for other bytes, which are shown in base64 if at all.
func (o redactingObject) AddBinary(key string, value []byte) {
	if redactText(string(value)) != string(value) {
		value = []byte(gate.Redacted)
	}
	o.ObjectEncoder.AddBinary(redactText(key), value)
}

// AddArray redacts the elements of an array.
func (o redactingObject) AddArray(key string, array zapcore.ArrayMarshaler) error {
	return o.ObjectEncoder.AddArray(redactText(key), zapcore.ArrayMarshalerFunc(func(elements zapcore.ArrayEncoder) error {
		return array.MarshalLogArray(redactingArray{elements, key})
	}))
}

// AddObject redacts the members of an object.
func (o redactingObject) AddObject(key string, object zapcore.ObjectMarshaler) error {
	return o.ObjectEncoder.AddObject(redactText(key), redactedObject(object))
}

// AddReflected redacts the JSON of a value.
func (o redactingObject) AddReflected(key string, value any) error {
	if seen, is := value.(*coverage); is {
		seen.redacted++
		o.AddBool(key, true)
		return nil
	}
	return o.ObjectEncoder.AddReflected(redactText(key), redactJSON(value))
}

// redactingArray removes credentials from what is added to an array of a log line.
type redactingArray struct {
	zapcore.ArrayEncoder
	key string // of the array
}

// AppendString implements zapcore.ArrayEncoder, as the following methods do.
func (a redactingArray) AppendString(value string) {
	a.ArrayEncoder.AppendString(redactField(a.key, value))
}

// AppendByteString is for text.
func (a redactingArray) AppendByteString(value []byte) { a.AppendString(string(value)) }

// AppendArray redacts the elements of an array.
func (a redactingArray) AppendArray(array zapcore.ArrayMarshaler) error {
	return a.ArrayEncoder.AppendArray(zapcore.ArrayMarshalerFunc(func(elements zapcore.ArrayEncoder) error {
		return array.MarshalLogArray(redactingArray{elements, a.key})
	}))
}

// AppendObject redacts the members of an object.
func (a redactingArray) AppendObject(object zapcore.ObjectMarshaler) error {
	return a.ArrayEncoder.AppendObject(redactedObject(object))
}

// AppendReflected redacts the JSON of a value.
func (a redactingArray) AppendReflected(value any) error {
	return a.ArrayEncoder.AppendReflected(redactJSON(value))
}

func redactedObject(object zapcore.ObjectMarshaler) zapcore.ObjectMarshaler {
	return zapcore.ObjectMarshalerFunc(func(members zapcore.ObjectEncoder) error {
		return object.MarshalLogObject(redactingObject{members})
	})
}

// redactJSON returns the value itself if its JSON holds no credential. Otherwise it returns the JSON with each string redacted.
func redactJSON(value any) any {
	encoded, err := json.Marshal(value)
	if err != nil || redactText(string(encoded)) == string(encoded) {
		return value
	}
	var decoded any
	if json.Unmarshal(encoded, &decoded) != nil {
		return gate.Redacted
	}
	return redactValue("", decoded)
}

func redactValue(key string, value any) any {
	switch value := value.(type) {
	case string:
		return redactField(key, value)
	case []any:
		for i := range value {
			value[i] = redactValue(key, value[i])
		}
		return value
	case map[string]any:
		redacted := make(map[string]any, len(value))
		for key, member := range value {
			redacted[redactText(key)] = redactValue(key, member)
		}
		return redacted
	default:
		return value
	}
}

// redactText replaces the credentials of all loaded gates in a text.
func redactText(text string) string {
	for logs := range loaded.All() {
		text = logs.gate.RedactText(text)
	}
	return text
}

// redactField replaces the credentials of all loaded gates in a field of a log, which may be a header field.
func redactField(name, value string) string {
	for logs := range loaded.All() {
		value = logs.gate.RedactField(name, value)
	}
	return value
}
