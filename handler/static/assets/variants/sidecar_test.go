package variants

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// oneSidecar is a source whose only sidecar is a gzip file.
type oneSidecar struct{ gzip []byte }

func (oneSidecar) Read(string, *[]byte) ([]byte, error) { return nil, errors.New("not to be read") }

func (s oneSidecar) Sidecar(path string, coding Coding) ([]byte, string) {
	if coding != Gzip {
		return nil, ""
	}
	return s.gzip, path + ".gz"
}

// A sidecar with other bytes than its file is reported when it appears and when it changes, not in each generation.
func TestUnchangedSidecarIsReportedOnce(t *testing.T) {
	t.Parallel()
	content := []byte(strings.Repeat("alert(1);", 20)) // below the size that is compressed without a sidecar
	core, logs := observer.New(zap.WarnLevel)
	maker := New(Config{Codings: []Coding{Gzip}, Memory: 1 << 20, Now: time.Now, Logger: zap.New(core)})
	contents := []Content{{Path: "main.js", Set: NewSet(sha256.Sum256(content), int64(len(content)))}}
	encoder := NewEncoder()
	defer encoder.Close()
	for _, step := range []struct {
		name    string
		sidecar []byte
		reports int
	}{
		{"bad", []byte("bad"), 1},
		{"the same", []byte("bad"), 1},
		{"bad in another way", []byte("worse"), 2},
		{"bad as at first", []byte("bad"), 3},
		{"repaired", encoder.Encode(Gzip, content), 3},
	} {
		maker.Make(context.Background(), contents, nil, oneSidecar{step.sidecar})
		if got := logs.Len(); got != step.reports {
			t.Errorf("%s: %d reports, want %d", step.name, got, step.reports)
		}
	}
	if contents[0].Set.Get(Gzip) == nil {
		t.Error("the repaired sidecar is not used")
	}
}
