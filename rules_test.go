package usher

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

const module = "github.com/scan2food/usher/"

// The two wings are plain net/http. Only handler/caddy and the root import Caddy, and only these and handler/operate, which
// imports no Caddy either, import the wings.
var wings = []string{"handler/websocket/", "handler/static/"}

func TestOperateImportsNoCaddy(t *testing.T) {
	t.Parallel()
	for name, imports := range importsBelow(t, "handler/operate/") {
		for _, path := range imports {
			if strings.HasPrefix(path, "github.com/caddyserver/") || strings.HasPrefix(path, module+"handler/caddy") || path+"/" == module {
				t.Errorf("%s imports %s; only handler/caddy and the root may", name, path)
			}
		}
	}
}

func TestWingsImportNeitherCaddyNorEachOther(t *testing.T) {
	t.Parallel()
	for i, wing := range wings {
		for name, imports := range importsBelow(t, wing) {
			for _, path := range imports {
				if strings.HasPrefix(path, "github.com/caddyserver/") || strings.HasPrefix(path, module+"handler/caddy") || path+"/" == module {
					t.Errorf("%s imports %s; only handler/caddy and the root may", name, path)
				}
				if strings.HasPrefix(path+"/", module+wings[1-i]) || strings.HasPrefix(path, module+"handler/operate") {
					t.Errorf("%s imports %s, which is outside of its wing", name, path)
				}
			}
		}
	}
}

// What machines share is plain Go over an interface of a storage, and knows nothing of sockets and files.
func TestSharedImportsOnlyTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for name, imports := range importsBelow(t, "handler/shared/") {
		for _, path := range imports {
			isOwn := path+"/" == module+"handler/shared/" || strings.HasPrefix(path, module+"internal/")
			if strings.Contains(path, ".") && !isOwn && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s imports %s; handler/shared needs the standard library alone", name, path)
			}
		}
	}
}

// importsBelow returns the import paths of each Go file below a directory, by file name.
func importsBelow(t *testing.T, directory string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(directory, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imports[name] = append(imports[name], strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil || len(imports) == 0 {
		t.Fatalf("no Go files below %s: %v", directory, err)
	}
	return imports
}

// addsToCaddy lists the Go modules that usher adds to a build of Caddy, with the reason.
var addsToCaddy = map[string]string{
	"github.com/scan2food/usher":    "itself",
	"github.com/andybalholm/brotli": "Caddy has no br",
	"github.com/fsnotify/fsnotify":  "watches keys files and served directories",
	"github.com/golang-jwt/jwt/v5":  "tickets",
	"github.com/joho/godotenv":      "a keys file may be a dotenv file",
	"github.com/tdewolff/parse/v2":  "the tokens of stylesheets and scripts",
	"github.com/zeebo/xxh3":         "hash in the file names of Vite, Rollup and Parcel",
}

// xcaddy builds the root package and its imports, without code for tests, benchmarks and examples.
func TestProductionBuildAddsLittleToCaddy(t *testing.T) {
	t.Parallel()
	caddys := modulesOf(t, "github.com/caddyserver/caddy/v2/cmd", "github.com/caddyserver/caddy/v2/modules/standard")
	ours := modulesOf(t, ".")
	for path := range ours {
		if !caddys[path] && addsToCaddy[path] == "" {
			t.Errorf("a production build contains %s; add it to addsToCaddy with a reason", path)
		}
	}
	for path := range addsToCaddy {
		if !ours[path] || caddys[path] {
			t.Errorf("usher no longer adds %s to Caddy; remove it from addsToCaddy", path)
		}
	}
	for dependency := range dependencies(t, "{{.ImportPath}}", ".") {
		if strings.HasPrefix(dependency, module) && !strings.HasPrefix(dependency, module+"handler/") || dependency == "testing" {
			t.Errorf("a production build contains %s", dependency)
		}
	}
}

func modulesOf(t *testing.T, packages ...string) map[string]bool {
	t.Helper()
	return dependencies(t, "{{with .Module}}{{.Path}}{{end}}", packages...)
}

// dependencies returns the dependencies of packages in a format of go list.
func dependencies(t *testing.T, format string, packages ...string) map[string]bool {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-deps", "-f", format}, packages...)...).Output()
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

// Every Caddyfile of the manual and of the examples adapts.
func TestCaddyfilesOfDocsAndExamplesAdapt(t *testing.T) {
	t.Parallel()
	sources := map[string]string{}
	for name, content := range manual(t) {
		for i, block := range codeBlock.FindAllStringSubmatch(content, -1) {
			sources[fmt.Sprintf("%s, block %d", name, i+1)] = block[1]
		}
	}
	examples, err := filepath.Glob("examples/*/Caddyfile")
	if err != nil || len(examples) < 2 || len(sources) < 2 {
		t.Fatalf("found %d examples and %d blocks in the manual: %v", len(examples), len(sources), err)
	}
	for _, name := range examples {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source := string(content)
		if strings.Contains(name, "quickstart") {
			// This test does not import the embedded application.
			source = regexp.MustCompile(`(?m)^\t(order )?quickstart .*$`).ReplaceAllString(source, "")
		}
		sources[name] = source
	}
	for name, source := range sources {
		if _, err := testsite.Adapt(source); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each directive's grammar stands in the comment of its parser and in the reference, and a table there explains each option.
func TestReferenceShowsTheGrammar(t *testing.T) {
	t.Parallel()
	var reference strings.Builder
	for name, content := range manual(t) {
		if strings.HasPrefix(name, "docs/reference/") {
			reference.WriteString(content)
		}
	}
	source, err := os.ReadFile("caddyfile.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := regexp.MustCompile(`(?m)(^//\t.*\n)+`).FindAllString(string(source), -1)
	if len(comments) != 5 {
		t.Fatalf("found %d grammars, want one for each directive", len(comments))
	}
	for _, comment := range comments {
		grammar := regexp.MustCompile(`(?m)^//\t`).ReplaceAllString(comment, "")
		if !strings.Contains(reference.String(), "```\n"+grammar+"```") {
			t.Errorf("docs/reference does not show this grammar:\n%s", grammar)
		}
		for _, option := range regexp.MustCompile(`(?m)^\t+([a-z_]+)`).FindAllStringSubmatch(grammar, -1) {
			if !regexp.MustCompile("(?m)^\\| .*`" + option[1] + "`.*\\|.*\\|.*\\|$").MatchString(reference.String()) {
				t.Errorf("no table in docs/reference explains %s", option[1])
			}
		}
	}
}
