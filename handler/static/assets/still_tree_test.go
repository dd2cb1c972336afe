package assets

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// stillTree is a tree that reads when it is told to, by a clock that the test sets.
type stillTree struct {
	*Tree
	t    *testing.T
	root string
	now  time.Time
	logs *observer.ObservedLogs
}

func newStillTree(t *testing.T, files map[string]string, configure ...func(*TreeConfig)) *stillTree {
	t.Helper()
	s := &stillTree{t: t, root: t.TempDir(), now: time.Now().Add(time.Minute)}
	for name, content := range files {
		s.write(name, content)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	s.logs = logs
	config := TreeConfig{Root: s.root, Logger: zap.New(core), Now: func() time.Time { return s.now }}
	for _, set := range configure {
		set(&config)
	}
	tree, err := OpenTree(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Tree = tree
	t.Cleanup(func() {
		tree.cancel()
		tree.background.Wait()
		tree.Close()
	})
	return s
}

func (s *stillTree) path(name string) string { return filepath.Join(s.root, filepath.FromSlash(name)) }

func (s *stillTree) write(name, content string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stillTree) remove(name string) {
	s.t.Helper()
	if err := os.RemoveAll(s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stillTree) link(target, name string) {
	s.t.Helper()
	if err := os.Symlink(target, s.path(name)); err != nil {
		s.t.Fatal(err)
	}
}

// read reads as after events that have settled.
func (s *stillTree) read() *Catalog {
	s.t.Helper()
	s.refresh(context.Background(), true)
	return s.catalog.Load()
}

// evidence is that of a path, after a reading.
func (s *stillTree) evidence(name string) EvidenceKind {
	s.t.Helper()
	file := s.read().Lookup(name)
	if file == nil {
		s.t.Fatalf("%s is not there", name)
	}
	return file.Evidence.Kind
}

func (s *stillTree) logged(text string) bool {
	return slices.ContainsFunc(s.logs.All(), func(e observer.LoggedEntry) bool {
		return strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), text)
	})
}

func content(c *Catalog, name string) string {
	if file := c.Lookup(name); file != nil {
		return string(file.Content)
	}
	return "(none)"
}
