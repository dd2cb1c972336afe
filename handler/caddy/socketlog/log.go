package socketlog

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/handler/websocket/sockets"
)

// logOpened writes WSCONNECT, a message that operators of Daphne know.
func logOpened(logger *zap.Logger, opened sockets.Snapshot) {
	if entry := logger.Check(zapcore.InfoLevel, "WSCONNECT"); entry != nil {
		entry.Write(append(socketFields(opened),
			zap.String("path", opened.Path), zap.String("outcome", string(gate.Accepted)))...)
	}
}

// logEnded writes WSDISCONNECT.
func logEnded(logger *zap.Logger, ended sockets.EndedEvent) {
	entry := logger.Check(zapcore.InfoLevel, "WSDISCONNECT")
	if entry == nil {
		return
	}
	entry.Write(append(socketFields(ended.Snapshot),
		zap.Duration("duration", ended.Duration),
		zap.Int64("bytes_in", ended.In),
		zap.Int64("bytes_out", ended.Out),
		zap.Uint16("close_code", uint16(ended.Code)),
		zap.String("closed_by", ended.By),
		zap.String("reason", ended.Reason),
	)...)
}

// socketFields returns the fields of both lines. The ID connects the lines and is unique in the process.
func socketFields(info sockets.Snapshot) []zap.Field {
	return []zap.Field{
		zap.Uint64("id", info.ID),
		zap.String("host", info.Host),
		zap.String("route", info.Route),
		zap.String("key", info.Key),
		zap.String("user", info.User),
		zap.Uint64("session", info.Session), // equal for the sockets of one session, 0 for none
		zap.String("client", info.Client.String()),
		zap.String("origin", info.Origin),
		zap.String("proto", info.Protocol),
	}
}
