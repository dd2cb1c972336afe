package assets

import "go.uber.org/zap"

// openPromises reads what earlier processes have promised.
func (t *Tree) openPromises() {
	if t.config.Promises != nil {
		t.reportPromises(t.config.Promises.Open())
	}
}

// reportPromises logs that promises cannot be read or written, once until they can.
func (t *Tree) reportPromises(err error) {
	if err != nil && !t.forgetful {
		t.config.Logger.Warn("immutable URLs cannot be remembered on disk", zap.String("root", t.config.Root), zap.Error(err))
	}
	t.forgetful = err != nil
}
