package tree

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// touch notes that a file was written in place, as an event does.
func (s *StillTree) touch(name string) {
	s.touched.note(s.walkedBase, fsnotify.Event{Name: s.walkedBase + "/" + name, Op: fsnotify.Write})
}

// counted reads the tree and compares the work.
func (s *StillTree) counted(what string, want work) {
	s.T.Helper()
	s.Read()
	if s.work != want {
		s.T.Errorf("%s: %+v, want %+v", what, s.work, want)
	}
}

// stylesOfSite are stylesheets and scripts, which a rewrite parses.
func withRewrite(config *Config) {
	config.Prefix = "/static/"
	config.Rewrite = (&Rewriter{Prefix: "/static/", VersionQuery: []string{"v"}, Styles: true, Scripts: true, Logger: zap.NewNop()}).Rewrite
}

// A file that grows below a large tree costs what one file costs.
func TestCostOfOneChange(t *testing.T) {
	t.Parallel()
	files := map[string]string{"site.css": "a{b:url(logo.png)}", "logo.png": "logo", "main.js": "x", "app.log": "1", ".vite/manifest.json": "{}"}
	const directories, each = 50, 100
	for i := range directories * each {
		files[fmt.Sprintf("%d/%d.txt", i%directories, i)] = "x"
	}
	s := NewStillTree(t, files, withRewrite)
	s.Read()
	if s.work.reads != directories*each+4 || s.work.parses != 3 {
		t.Errorf("the first reading: %+v, want each file read once, and three parsed", s.work)
	}
	s.Write("app.log", "12")
	s.touch("app.log")
	s.counted("a log that grows", work{stats: 2, reads: 1})
	if got := Content(s.Published(), "app.log"); got != "12" {
		t.Errorf("the log is %q", got)
	}
	s.Write("logo.png", "another logo")
	s.touch("logo.png")
	before := s.Published().Lookup("site.css")
	s.counted("a picture that a stylesheet names", work{stats: 2, reads: 1, parses: 2})
	if after := s.Published().Lookup("site.css"); after == before || before.StampedForm.digest == after.StampedForm.digest {
		t.Error("the earlier catalog has the later stamped form")
	}
	s.Remove("logo.png")
	s.touched.note(s.walkedBase, fsnotify.Event{Name: s.Path("logo.png"), Op: fsnotify.Remove})
	s.Read()
	if s.work.stats <= directories*each || s.work.reads != 0 {
		t.Errorf("a removed file: %+v, want a walk and no file read", s.work)
	}
	if s.Now = s.Now.Add(DefaultVanished); s.Read().Lookup("site.css").StampedForm != nil {
		t.Error("a stylesheet without references has a stamped form")
	}
}

// Events that do not tell what changed lead to a walk.
func TestWalkAfterUnclearEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		why   string
		event func(s *StillTree) fsnotify.Event
	}{
		{"a new file", func(s *StillTree) fsnotify.Event { return fsnotify.Event{Name: s.Path("b.js"), Op: fsnotify.Create} }},
		{"a file that was made and written", func(s *StillTree) fsnotify.Event { return fsnotify.Event{Name: s.Path("b.js"), Op: fsnotify.Write} }},
		{"renamed", func(s *StillTree) fsnotify.Event { return fsnotify.Event{Name: s.Path("a.js"), Op: fsnotify.Rename} }},
		{"out of the root", func(*StillTree) fsnotify.Event { return fsnotify.Event{Name: "/elsewhere/a.js", Op: fsnotify.Write} }},
	} {
		s := NewStillTree(t, map[string]string{"a.js": "a"})
		s.Read()
		s.Write("b.js", "b")
		s.touched.note(s.walkedBase, c.event(s))
		if s.Read().Lookup("b.js") == nil {
			t.Errorf("%s: the new file is not found", c.why)
		}
	}
	s := NewStillTree(t, map[string]string{"a.js": "a"})
	s.Link("a.js", "b.js")
	s.Read()
	s.Write("a.js", "changed")
	s.touch("a.js")
	if got := Content(s.Read(), "b.js"); got != "changed" {
		t.Errorf("the link to a file that changed has %q", got)
	}
	many := NewStillTree(t, nil)
	for i := range maxTouched + 1 {
		many.Write(fmt.Sprintf("%d.js", i), "x")
	}
	many.Read()
	for i := range maxTouched + 1 {
		many.touch(fmt.Sprintf("%d.js", i))
	}
	if many.touched.isKnown() {
		t.Error("so many files are no walk")
	}
}

// Events of the file system lead to the same.
func TestEventsOfOneChange(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.DebugLevel)
	config := QuickConfig(WriteRoot(t, map[string]string{"app.log": "1", "a/a.js": "a", "b/b.js": "b"}))
	config.Logger = zap.New(core)
	tree := OpenAt(t, config)
	tree.Catalog(t.Context())
	for i := 0; ; i++ {
		log, err := os.OpenFile(config.Root+"/app.log", os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintln(log, i)
		_ = log.Close()
		found := false
		Eventually(t, "the log is read", func() bool {
			read := false
			for _, line := range logs.TakeAll() {
				fields := line.ContextMap()
				read = read || line.Message == "directory read"
				found = found || fields["looked_at"] == int64(2) && fields["read"] == int64(1)
			}
			return read
		})
		if found {
			return
		}
		if i == 20 || t.Failed() {
			t.Fatal("each change of the log led to a walk")
		}
	}
}

// A thousand builds side by side: each manifest is parsed once, and again only if it changes.
func TestCostOfManyManifests(t *testing.T) {
	t.Parallel()
	const builds = 1000
	files := make(map[string]string)
	manifest := func(i int, more string) string {
		return fmt.Sprintf(`{"app.js":{"file":"assets/app-%08x.js"%s}}`, 0xabcdef00+i, more)
	}
	for i := range builds {
		files[fmt.Sprintf("%d/manifest.json", i)] = manifest(i, "")
		files[fmt.Sprintf("%d/assets/app-%08x.js", i, 0xabcdef00+i)] = "x"
	}
	s := NewStillTree(t, files)
	s.Read()
	if s.work.parses != builds || s.work.reads != 2*builds {
		t.Errorf("the first reading: %+v, want %d manifests parsed and %d files read", s.work, builds, 2*builds)
	}
	s.Write("7/manifest.json", manifest(7, `,"isEntry":true`))
	s.touch("7/manifest.json")
	s.counted("one manifest changes", work{stats: 2, reads: 1, parses: 1})
	s.Write("8/manifest.json", strings.Repeat("x", 10))
	s.touch("8/manifest.json")
	s.counted("one manifest breaks", work{stats: 2, reads: 1, parses: 1})
	s.Write("9/assets/x.txt", "x")
	s.Read()
	if s.work.parses != 0 || s.work.reads != 1 {
		t.Errorf("a new file: %+v, want it read, and no manifest parsed", s.work)
	}
}

// Beside its content, a file takes at most 1.5 KB.
func TestMemoryOfManyFiles(t *testing.T) {
	const files = 20_000
	root := t.TempDir()
	for i := range files {
		if i%200 == 0 {
			if err := os.MkdirAll(fmt.Sprintf("%s/directory-%03d", root, i/200), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(fmt.Sprintf("%s/directory-%03d/name-of-file-%05d.txt", root, i/200, i), fmt.Appendf(nil, "%d", i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before := LiveBytes()
	s := NewStillTree(t, nil, func(c *Config) { c.Root = root })
	catalog := s.Read()
	_, contents := catalog.Usage()
	each := (LiveBytes() - before - contents) / files
	t.Logf("%d bytes for each file", each)
	if catalog.Files() != files || each > 1536 {
		t.Errorf("%d files take %d bytes each beside their contents, want at most 1536", catalog.Files(), each)
	}
}
