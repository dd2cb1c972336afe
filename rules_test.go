package usher

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/scan2food/usher/"

// mayImport is the table of imports: what a package of ours may import of ours. Tests may import what is for tests.
var mayImport = map[string][]string{
	"handler/gate":        {"handler/keys", "handler/sockets"},
	"handler/tunnel":      {"handler/sockets"},
	"handler/assets":      {"handler/fingerprint", "handler/archive"},
	"handler/keys":        {},
	"handler/sockets":     {},
	"handler/stamp":       {},
	"handler/fingerprint": {},
	"handler/archive":     {"handler/wholefile"},
	"handler/ledger":      {"handler/wholefile"},
	"handler/wholefile":   {},
}

func TestImportsPointInwards(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("handler/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files below handler: %v", err)
	}
	for _, name := range files {
		pkg := filepath.ToSlash(filepath.Dir(name))
		allowed, listed := mayImport[pkg]
		if !listed {
			t.Errorf("%s stands in no row of the table", pkg)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if strings.HasPrefix(path, "github.com/caddyserver/") {
				t.Errorf("%s imports %s: handler/... knows nothing of Caddy", name, path)
			}
			if ours, is := strings.CutPrefix(path, module); is && !slices.Contains(allowed, ours) &&
				!(ours == "internal/patience" && strings.HasSuffix(name, "_test.go")) {
				t.Errorf("%s imports %s, which the table does not allow", name, ours)
			}
		}
	}
}

// addsToCaddy are the modules that a build of Caddy has because of this one, and what for.
var addsToCaddy = map[string]string{
	"github.com/scan2food/usher":    "itself",
	"github.com/andybalholm/brotli": "Caddy has no br",
	"github.com/fsnotify/fsnotify":  "files of keys, and served directories, are followed",
	"github.com/golang-jwt/jwt/v5":  "tickets",
	"github.com/joho/godotenv":      "a file of keys may be the application's .env",
	"github.com/tdewolff/parse/v2":  "the tokens of stylesheets and scripts",
	"github.com/zeebo/xxh3":         "the digest that Vite, Rollup and Parcel put into names",
}

// What xcaddy builds is the root package and what it imports: nothing for tests, benchmarks or examples.
func TestProductionBuildAddsLittleToCaddy(t *testing.T) {
	t.Parallel()
	caddys := modulesOf(t, "github.com/caddyserver/caddy/v2/cmd", "github.com/caddyserver/caddy/v2/modules/standard")
	ours := modulesOf(t, ".")
	for path := range ours {
		if !caddys[path] && addsToCaddy[path] == "" {
			t.Errorf("a production build holds %s, of which nothing says what for", path)
		}
	}
	for path := range addsToCaddy {
		if !ours[path] || caddys[path] {
			t.Errorf("%s is not added to Caddy any more", path)
		}
	}
	for dependency := range dependencies(t, "{{.ImportPath}}", ".") {
		if strings.HasPrefix(dependency, module) && !strings.HasPrefix(dependency, module+"handler/") || dependency == "testing" {
			t.Errorf("a production build holds %s", dependency)
		}
	}
}

func modulesOf(t *testing.T, packages ...string) map[string]bool {
	t.Helper()
	return dependencies(t, "{{with .Module}}{{.Path}}{{end}}", packages...)
}

// dependencies are what has a part in a build of the packages, in the form that the go command is asked for.
func dependencies(t *testing.T, form string, packages ...string) map[string]bool {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-deps", "-f", form}, packages...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string]bool{}
	for line := range strings.FieldsSeq(string(out)) {
		found[line] = true
	}
	return found
}

var codeBlock = regexp.MustCompile("(?s)```caddyfile\n(.*?)```")

// Every Caddyfile that a user may copy adapts.
func TestCaddyfilesOfDocsAndExamplesAdapt(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]string{}
	for _, block := range codeBlock.FindAllStringSubmatch(string(readme), -1) {
		sources["README.md"] += block[1]
	}
	examples, err := filepath.Glob("examples/*/Caddyfile")
	if err != nil || len(examples) < 2 || len(sources) == 0 {
		t.Fatalf("found %d examples and %d blocks in the README: %v", len(examples), len(sources), err)
	}
	for _, name := range examples {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source := string(content)
		if strings.Contains(name, "quickstart") {
			// The embedded application is part of cmd/caddy, not of this test.
			source = regexp.MustCompile(`(?m)^\tquickstart .*$`).ReplaceAllString(source, "")
		}
		sources[name] = source
	}
	for name, source := range sources {
		if _, err := adaptCaddyfile(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The grammar stands in the parsers' comments and in the README, word for word, and each word in a table.
func TestReadmeShowsTheGrammar(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`(?m)(^//\t.*\n)+`)
	for _, name := range []string{"caddyfile_gate.go", "caddyfile_assets.go", "caddyfile_tunnel.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		grammar := comment.FindString(string(source))
		grammar = regexp.MustCompile(`(?m)^//\t`).ReplaceAllString(grammar, "")
		if grammar == "" || !strings.Contains(string(readme), "```\n"+grammar+"```") {
			t.Errorf("the README does not show the grammar of %s:\n%s", name, grammar)
		}
		for _, word := range regexp.MustCompile(`(?m)^\t+([a-z_]+)`).FindAllStringSubmatch(grammar, -1) {
			if !regexp.MustCompile("(?m)^\\| .*`" + word[1] + "`.*\\|.*\\|.*\\|$").Match(readme) {
				t.Errorf("no table of the README says what %s means, of %s", word[1], name)
			}
		}
	}
}
