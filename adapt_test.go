package usher

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const separator = "----------\n"

// Each golden holds a Caddyfile, a line of hyphens, and the JSON it becomes or the error it ends in.
func TestAdapt(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/caddyfile/*.caddyfiletest")
	if err != nil || len(names) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source, want, _ := strings.Cut(string(content), separator)
			got := adaptedOrError(t, source)
			if *update {
				if err := os.WriteFile(name, []byte(source+separator+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func adaptedOrError(t *testing.T, source string) string {
	t.Helper()
	adapted, err := adaptCaddyfile(source)
	if err != nil {
		return err.Error() + "\n"
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
		t.Fatal(err)
	}
	return indented.String() + "\n"
}

// What adapts and must not load: every error names route, word, file and line, and never the secret.
func TestConfigurationsThatMustNotLoad(t *testing.T) {
	t.Setenv("USHER_TEST_EMPTY", "")
	t.Setenv("USHER_TEST_SHORT", "short-secret")
	for _, c := range []struct{ name, key, want, why string }{
		{"unset", "{env.USHER_TEST_UNSET}", "is empty", "an unset variable must not become the key"},
		{"empty", "{env.USHER_TEST_EMPTY}", "is empty", "nor an empty one"},
		{"short", "{env.USHER_TEST_SHORT}", "at least 16 characters, got 12", "it could be guessed"},
		{"literal", "fifteen-letters", "at least 16 characters, got 15", "it could be guessed"},
		{"file", "{file./nowhere/at/all}", "is empty", "an unreadable file must not become the key"},
		{"digest", "sha256:abc", "64 hex digits", "half a digest"},
	} {
		_, err := provisionSite(t, "http://localhost\nwebsocket_gate {\n\troute chat /ws/chat/ {\n\t\tkey "+c.key+"\n\t}\n}")
		if err == nil {
			t.Errorf("%s: it loads (%s)", c.name, c.why)
			continue
		}
		for _, want := range []string{c.want, "route chat", "Caddyfile:4"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q (%s)", c.name, err, want, c.why)
			}
		}
		if strings.Contains(err.Error(), "short-secret") || strings.Contains(err.Error(), "fifteen-letters") {
			t.Errorf("%s: error %q tells the secret", c.name, err)
		}
	}
}
