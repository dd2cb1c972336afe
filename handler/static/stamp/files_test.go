package stamp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

func TestDependencyGroups(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		references map[string][]string
		want, why  string
	}{
		{"none", nil, "[]", "no files"},
		{"chain", map[string][]string{"a": {"b"}, "b": {"c"}, "c": nil}, "[[c] [b] [a]]", "referenced files come first"},
		{"diamond", map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": nil}, "[[d] [b] [c] [a]]", "each file comes once"},
		{"cycle", map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}}, "[[b c] [a]]", "one group"},
		{"two cycles", map[string][]string{"a": {"b"}, "b": {"a", "c"}, "c": {"d"}, "d": {"c"}}, "[[c d] [a b]]", "one cycle refers to the other"},
		{"others", map[string][]string{"a": {"x", "a"}}, "[[a]]", "references to unknown files are ignored"},
	} {
		if got := fmt.Sprint(dependencyGroups(c.references)); got != c.want {
			t.Errorf("dependencyGroups(%s) = %s, want %s (%s)", c.name, got, c.want, c.why)
		}
	}
}

func TestDependencyGroupsOfALongChain(t *testing.T) {
	t.Parallel()
	references := map[string][]string{}
	for i := range 50_000 {
		references[fmt.Sprintf("%06d", i)] = []string{fmt.Sprintf("%06d", i+1)}
	}
	if groups := dependencyGroups(references); len(groups) != 50_000 || groups[0][0] != "049999" {
		t.Errorf("%d groups, first %v", len(groups), groups[0])
	}
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}

// site stamps a small site. Its logo has the given version.
func site(logo string) map[string]Stamped {
	config := testConfig()
	config.Scripts = true
	config.Digest = digest
	config.Version = func(path string) (string, bool) { return logo, path == "/static/logo.png" }
	return New(config).Files([]Source{
		{"/static/main.css", StyleSheet, []byte("@import 'part.css';")},
		{"/static/part.css", StyleSheet, []byte("a{b:url(logo.png)}")},
		{"/static/plain.css", StyleSheet, []byte("a{b:c}")},
		{"/static/one.css", StyleSheet, []byte("@import 'two.css';")},
		{"/static/two.css", StyleSheet, []byte("@import 'one.css';a{b:url(logo.png)}")},
		{"/static/main.js", JavaScript, []byte("new Worker('/static/worker.js')")},
		{"/static/worker.js", JavaScript, []byte("importScripts('/static/worker.js?v=1')")},
	})
}

func TestFiles(t *testing.T) {
	t.Parallel()
	before, after := site("1"), site("2")
	for path, stamped := range before {
		if !stamped.InCycle && stamped.Version != digest(stamped.Content) {
			t.Errorf("the version of %s is not the digest of its content", path)
		}
		changes := strings.HasSuffix(path, ".css") && path != "/static/plain.css"
		if changed := after[path].Version != stamped.Version; changed != changes {
			t.Errorf("the logo changed; the version of %s changed: %v, want %v", path, changed, changes)
		}
	}
	for _, c := range []struct {
		path, content string
		cycle         bool
	}{
		{"/static/main.css", "@import 'part.css?v=" + before["/static/part.css"].Version + "';", false},
		{"/static/one.css", "@import 'two.css?v=" + before["/static/two.css"].Version + "';", true},
		{"/static/two.css", "@import 'one.css?v=" + before["/static/two.css"].Version + "';a{b:url(logo.png?v=1)}", true},
		{"/static/worker.js", "importScripts('/static/worker.js?v=" + before["/static/worker.js"].Version + "')", true},
	} {
		if got := before[c.path]; string(got.Content) != c.content || got.InCycle != c.cycle {
			t.Errorf("%s = %s (cycle: %v), want %s", c.path, got.Content, got.InCycle, c.content)
		}
	}
}
