package archive

import (
	"crypto/sha256"
	"io"
	"os"
	"strings"
	"testing"
)

func TestStoreNoticesDamage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"other bytes", func(t *testing.T, path string) { overwrite(t, path, "ONE") }},
		{"fewer bytes", func(t *testing.T, path string) { overwrite(t, path, "o") }},
		{"none", func(t *testing.T, path string) { remove(t, path) }},
	} {
		for _, restart := range []bool{false, true} {
			s := newTestStore(t, 1<<20)
			s.put(t, "a", "1", "one")
			s.put(t, "b", "1", "one")
			s.put(t, "c", "1", "other")
			if !restart {
				s.get(t, "a", "1")
			}
			c.damage(t, s.blobPath(sha256.Sum256([]byte("one"))))
			if restart {
				s.restart(t)
			}
			content, ok := s.Get("a", "1")
			if ok {
				_ = content.Close()
				t.Errorf("%s, restart %v: damaged bytes were handed out", c.name, restart)
			}
			if s.get(t, "a", "1") != "none" || s.get(t, "b", "1") != "none" || s.get(t, "c", "1") != "other" {
				t.Errorf("%s, restart %v: want only the damaged entry dropped", c.name, restart)
			}
			if len(s.reports) == 0 || !strings.Contains(s.reports[0], "archive") {
				t.Errorf("%s, restart %v: reported %q", c.name, restart, s.reports)
			}
			s.put(t, "a", "1", "one")
			if got := s.get(t, "a", "1"); got != "one" {
				t.Errorf("%s, restart %v: put again it is %q", c.name, restart, got)
			}
		}
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	// Two changes within a clock tick have the same time on a file system.
	if err := os.Chtimes(path, noon, noon); err != nil {
		t.Fatal(err)
	}
}

func TestPutFails(t *testing.T) {
	t.Parallel()
	s := newTestStore(t, 1<<20)
	if err := s.Put("\xff", "1", strings.NewReader("x")); err == nil {
		t.Error("Put accepted a name that cannot be stored")
	}
	if err := s.Put(strings.Repeat("x", maxRecord), "1", strings.NewReader("x")); err == nil {
		t.Error("Put accepted a name that is too long")
	}
	if err := s.Put("a", "1", &changing{Reader: *strings.NewReader("one")}); err == nil {
		t.Error("Put accepted content that changed during the read")
	}
	if s.restart(t); len(s.files(t, "*")) != 0 {
		t.Errorf("left: %q", s.files(t, "*"))
	}
}

// changing returns other content from the second read on.
type changing struct {
	strings.Reader
	seeks int
}

func (c *changing) Seek(offset int64, whence int) (int64, error) {
	if c.seeks++; c.seeks == 2 {
		c.Reset("two")
	}
	return c.Reader.Seek(offset, whence)
}

func (c *changing) WriteTo(w io.Writer) (int64, error) { return c.Reader.WriteTo(w) }
