package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "below", "it")
	path := filepath.Join(directory, "versions.json")
	cut := errors.New("the disk is full")
	for _, c := range []struct {
		name, text string
		err        error
		want, why  string
	}{
		{"new", "first", nil, "first", "with its directory"},
		{"another", "second", nil, "second", "the file is replaced"},
		{"cut short", "thi", cut, "second", "the previous file stays"},
	} {
		err := Write(path, func(w io.Writer) error {
			if _, err := io.WriteString(w, c.text); err != nil {
				return err
			}
			if there, _ := os.ReadFile(path); string(there) == c.text {
				t.Errorf("%s: the file exists before it is complete", c.name)
			}
			return c.err
		})
		if !errors.Is(err, c.err) {
			t.Errorf("Write(%s) = %v, want %v", c.name, err, c.err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != c.want {
			t.Errorf("after %s the file holds %q, %v, want %q (%s)", c.name, got, err, c.want, c.why)
		}
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) != 1 {
		t.Errorf("%d files are there, want one: %v", len(left), err)
	}
}
