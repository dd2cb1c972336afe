package websocketgate

import (
	"sync"

	"go.uber.org/zap"
)

// maxDroppedFields limits the remembered names, since clients choose them.
const maxDroppedFields = 32

// droppedFields logs each removed header field once.
type droppedFields struct {
	mutex  sync.Mutex
	logged map[string]bool
}

func (f *droppedFields) log(logger *zap.Logger, names []string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, name := range names {
		if f.logged[name] || len(f.logged) == maxDroppedFields {
			continue
		}
		if f.logged == nil {
			f.logged = make(map[string]bool)
		}
		f.logged[name] = true
		logger.Warn("header field holds 0x85; not forwarded", zap.String("field", name), zap.String("see", "forward_nel"))
	}
}
