package tree

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

// stillTree is a tree whose readings and clock the test controls.
type StillTree struct {
	*Tree
	T    *testing.T
	Root string
	Now  time.Time
	Logs *observer.ObservedLogs
}

func NewStillTree(t *testing.T, files map[string]string, configure ...func(*Config)) *StillTree {
	t.Helper()
	s := &StillTree{T: t, Root: t.TempDir(), Now: time.Now().Add(time.Minute)}
	for name, content := range files {
		s.Write(name, content)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	s.Logs = logs
	config := Config{Root: s.Root, Logger: zap.New(core), Now: func() time.Time { return s.Now }}
	for _, set := range configure {
		set(&config)
	}
	tree, err := Open(config)
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

func (s *StillTree) Path(name string) string { return filepath.Join(s.Root, filepath.FromSlash(name)) }

func (s *StillTree) Write(name, content string) {
	s.T.Helper()
	if err := os.MkdirAll(filepath.Dir(s.Path(name)), 0o755); err != nil {
		s.T.Fatal(err)
	}
	if err := os.WriteFile(s.Path(name), []byte(content), 0o644); err != nil {
		s.T.Fatal(err)
	}
}

func (s *StillTree) Remove(name string) {
	s.T.Helper()
	if err := os.RemoveAll(s.Path(name)); err != nil {
		s.T.Fatal(err)
	}
}

func (s *StillTree) Link(target, name string) {
	s.T.Helper()
	if err := os.Symlink(target, s.Path(name)); err != nil {
		s.T.Fatal(err)
	}
}

// read reads the tree as after settled events.
func (s *StillTree) Read() *Catalog {
	s.T.Helper()
	s.refresh(context.Background(), true)
	return s.catalog.Load()
}

// evidence reads the tree and returns the evidence of a path.
func (s *StillTree) Evidence(name string) EvidenceKind {
	s.T.Helper()
	file := s.Read().Lookup(name)
	if file == nil {
		s.T.Fatalf("%s is not there", name)
	}
	return file.Evidence.Kind
}

func (s *StillTree) Logged(text string) bool {
	return slices.ContainsFunc(s.Logs.All(), func(e observer.LoggedEntry) bool {
		return strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), text)
	})
}

func Content(c *Catalog, name string) string {
	if file := c.Lookup(name); file != nil {
		return string(file.Content)
	}
	return "(none)"
}
