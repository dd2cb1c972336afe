package usher

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// manual returns every page of the repository that users read, by its name with slashes.
func manual(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "node_modules" || name != "." && strings.HasPrefix(entry.Name(), ".")) {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		content, err := os.ReadFile(name)
		pages[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil || pages["README.md"] == "" || pages["docs/reference/websocket_gate.md"] == "" {
		t.Fatalf("the manual is not complete: %v", err)
	}
	return pages
}

var (
	fence     = regexp.MustCompile("(?ms)^```.*?^```")
	codeSpan  = regexp.MustCompile("`[^`\n]*`")
	link      = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	linkLabel = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// Each relative link of the manual leads to a file or directory of the repository, and each anchor to a heading.
func TestLinksOfTheManual(t *testing.T) {
	t.Parallel()
	pages := manual(t)
	checked := 0
	for name, content := range pages {
		text := codeSpan.ReplaceAllString(fence.ReplaceAllString(content, ""), "")
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(match[1] + match[2])
			if err != nil {
				t.Errorf("%s: %s: %v", name, match[0], err)
				continue
			}
			if target.IsAbs() {
				continue
			}
			checked++
			file := name
			if target.Path != "" {
				file = path.Join(path.Dir(name), target.Path)
				if _, err := os.Stat(filepath.FromSlash(file)); err != nil {
					t.Errorf("%s links to %s, which does not exist", name, file)
					continue
				}
			}
			if target.Fragment != "" && !anchors(pages[file])[target.Fragment] {
				t.Errorf("%s links to %s#%s, and no heading has this anchor", name, file, target.Fragment)
			}
		}
	}
	if checked < 10 {
		t.Errorf("found %d relative links", checked)
	}
}

// anchors returns the anchors that GitHub gives the headings of a page.
func anchors(page string) map[string]bool {
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		text := strings.ToLower(linkLabel.ReplaceAllString(match[1], "$1"))
		found[strings.ReplaceAll(noAnchor.ReplaceAllString(text, ""), " ", "-")] = true
	}
	return found
}
