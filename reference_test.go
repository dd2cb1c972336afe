package usher

import (
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/caddy/command"
	"github.com/scan2food/usher/handler/websocket/gate"
	"github.com/scan2food/usher/internal/testsite"
)

// The tests of this file compare the reference with the code, in both directions.

var codeWord = regexp.MustCompile("`([^`]+)`")

// rows returns the rows of the table under a header row, as cells.
func rows(t *testing.T, page, header string) [][]string {
	t.Helper()
	content := manual(t)[page]
	_, table, found := strings.Cut(content, "\n"+header+"\n")
	if !found {
		t.Fatalf("%s has no table %s", page, header)
	}
	var cells [][]string
	for line := range strings.SplitSeq(table, "\n") {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		row := strings.Split(strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "¦"), "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		cells = append(cells, row)
	}
	return cells
}

// words returns the words in code spans of a cell.
func words(cell string) []string {
	var found []string
	for _, match := range codeWord.FindAllStringSubmatch(cell, -1) {
		found = append(found, match[1])
	}
	return found
}

// firstWords returns the words in the first cells of a table.
func firstWords(t *testing.T, page, header string) []string {
	t.Helper()
	var found []string
	for _, row := range rows(t, page, header) {
		found = append(found, words(row[0])...)
	}
	return found
}

// compare reports what the documentation and the code do not have in common.
func compare(t *testing.T, what, page string, documented, inCode []string) {
	t.Helper()
	for _, name := range inCode {
		if !slices.Contains(documented, name) {
			t.Errorf("%s lacks the %s %s", page, what, name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(inCode, name) {
			t.Errorf("%s explains the %s %s, which the code does not have", page, what, name)
		}
	}
}

// inSources returns the first group of all matches in the sources below handler/, without tests.
func inSources(t *testing.T, pattern string) []string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir("handler", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(source, -1) {
			found[string(match[1])] = true
		}
		return err
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in the sources: %v", pattern, err)
	}
	return slices.Sorted(maps.Keys(found))
}

const (
	gatePage    = "docs/reference/websocket_gate.md"
	logsPage    = "docs/reference/logs_and_metrics.md"
	operatePage = "docs/reference/operate.md"
)

// The tables explain only options that a grammar has. TestReferenceShowsTheGrammar checks the other direction.
func TestReferenceOptions(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("caddyfile.go")
	if err != nil {
		t.Fatal(err)
	}
	grammars := strings.Join(regexp.MustCompile(`(?m)^//\t.*$`).FindAllString(string(source), -1), "\n")
	for name := range manual(t) {
		if !strings.HasPrefix(name, "docs/reference/") {
			continue
		}
		for _, table := range regexp.MustCompile(`(?m)^\| option \| meaning \| default \|\n(?:\|.*\n)+`).FindAllString(manual(t)[name], -1) {
			for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)").FindAllStringSubmatch(table, -1) {
				if !regexp.MustCompile(`\b` + row[1] + `\b`).MatchString(grammars) {
					t.Errorf("%s explains %s, which no grammar has", name, row[1])
				}
			}
		}
	}
}

// The outcomes have the status and the close code of the table.
func TestReferenceOutcomes(t *testing.T) {
	t.Parallel()
	var documented, inCode []string
	for _, row := range rows(t, gatePage, "| outcome | status | close code | reason |") {
		for _, outcome := range words(row[0]) {
			documented = append(documented, outcome)
			if status := gate.Outcome(outcome).Status(); outcome != string(gate.UpstreamRefused) && !strings.Contains(row[1], fmt.Sprint(status)) {
				t.Errorf("%s: the table says %q, the code %d", outcome, row[1], status)
			}
			want := ""
			if code := gate.Outcome(outcome).CloseCode(); code != 0 {
				want = fmt.Sprint(code)
			}
			if row[2] != want {
				t.Errorf("%s: the table says close code %q, the code %q", outcome, row[2], want)
			}
		}
	}
	for _, outcome := range gate.Outcomes {
		inCode = append(inCode, string(outcome))
	}
	compare(t, "outcome", gatePage, documented, inCode)
	compare(t, "outcome", "docs/read_a_rejection.md", append(firstWords(t, "docs/read_a_rejection.md", "| outcome | usual cause | what to do |"), "accepted"), inCode)
}

// The close codes that usher sends are those of the table.
func TestReferenceCloseCodes(t *testing.T) {
	t.Parallel()
	sent := inSources(t, `(?m)^\s+(?:Code(?:GoingAway|Protocol|Policy|TooBig|Internal|Restart|TryLater)|codeEnded)\s+(?:sockets\.)?Code\s+=\s+(\d{4})\b`)
	for _, outcome := range gate.Outcomes {
		if code := fmt.Sprint(outcome.CloseCode()); code != "0" && !slices.Contains(sent, code) {
			sent = append(sent, code)
		}
	}
	compare(t, "close code", gatePage, firstWords(t, gatePage, "| code | sent when |"), sent)
}

// The lines of sockets have the fields of the table.
func TestReferenceLogFields(t *testing.T) {
	t.Parallel()
	site, _ := testsite.StartGate(t, "")
	if response := testsite.Exchange(t, site.Addr, testsite.Get(testsite.Keyed, testsite.Upgrade)); response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("a good key: %d", response.StatusCode)
	}
	testsite.Exchange(t, site.Addr, testsite.Get("/ws/a/?key=wrong-key-0123456789", testsite.Upgrade))
	testsite.Eventually(t, "the socket closed", func() bool { return len(site.Logs.Ended()) > 0 })
	ofEachLine := map[string]bool{"level": true, "ts": true, "logger": true, "msg": true}
	for _, line := range firstWords(t, logsPage, "| line | level | when |") {
		var documented, logged []string
		for _, row := range rows(t, logsPage, "| field | lines | meaning |") {
			if row[1] == "all" || slices.Contains(words(row[1]), line) {
				documented = append(documented, words(row[0])...)
			}
		}
		entries := site.Logs.With(line)
		if len(entries) == 0 {
			t.Errorf("no line %s", line)
			continue
		}
		for field := range entries[0] {
			if !ofEachLine[field] {
				logged = append(logged, field)
			}
		}
		compare(t, "field of "+line, logsPage, documented, logged)
	}
}

// TestReferenceExplainsAllMetrics checks the other direction.
func TestReferenceMetricsExist(t *testing.T) {
	t.Parallel()
	inCode := inSources(t, metricDefinition.String())
	for _, name := range firstWords(t, logsPage, "| metric | labels | meaning |") {
		if !slices.Contains(inCode, name) {
			t.Errorf("%s explains %s, which the code does not have", logsPage, name)
		}
	}
}

// The table lists the labels of each metric, in the order of the code.
func TestReferenceListsLabels(t *testing.T) {
	t.Parallel()
	inCode := map[string]string{}
	for _, part := range inSources(t, `(?s)("usher_[a-z_]+",(?:[^"]|"[^u]|"u[^s]|"us[^h])*)`) {
		name, rest, _ := strings.Cut(part[1:], `"`)
		if labels := regexp.MustCompile(`\[\]string\{([^}]*)\}`).FindStringSubmatch(rest); labels != nil {
			inCode[name] = strings.ReplaceAll(labels[1], `"`, "")
		}
	}
	compared := 0
	for _, row := range rows(t, logsPage, "| metric | labels | meaning |") {
		for _, name := range words(row[0]) {
			if labels, found := inCode[name]; found {
				compared++
				if got := strings.TrimSpace(row[1]); got != labels {
					t.Errorf("%s: labels %q, the code has %q", name, got, labels)
				}
			}
		}
	}
	if compared < 30 {
		t.Errorf("compared the labels of %d metrics", compared)
	}
}

func TestReferencePlaceholders(t *testing.T) {
	t.Parallel()
	var inCode []string
	for _, name := range inSources(t, `"(http\.websocket_gate\.[a-z_]+)"`) {
		inCode = append(inCode, "{"+name+"}")
	}
	compare(t, "placeholder", logsPage, firstWords(t, logsPage, "| placeholder | value |"), inCode)
}

// The table names each method and path of the admin API.
func TestReferenceEndpoints(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("handler/caddy/admin/admin.go")
	if err != nil {
		t.Fatal(err)
	}
	var documented, inCode []string
	for _, line := range regexp.MustCompile(`(?m)^\t"([a-z/]+)":\s+\{(.*)\},$`).FindAllStringSubmatch(string(source), -1) {
		for _, method := range regexp.MustCompile(`http\.Method([A-Z][a-z]+):`).FindAllStringSubmatch(line[2], -1) {
			inCode = append(inCode, strings.ToUpper(method[1])+" /usher/"+line[1])
		}
	}
	for _, row := range rows(t, operatePage, "| endpoint | answer |") {
		method := ""
		for _, word := range words(row[0]) {
			first, path, found := strings.Cut(word, " ")
			if !found {
				first, path = method, "/usher/"+word
			}
			method = first
			path, _, _ = strings.Cut(path, "?")
			documented = append(documented, method+" "+path)
		}
	}
	compare(t, "endpoint", operatePage, documented, inCode)
}

// The tables name each command and each flag.
func TestReferenceCommands(t *testing.T) {
	t.Parallel()
	root := new(cobra.Command)
	command.Command().CobraFunc(root)
	var names, flags []string
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		for _, flag := range regexp.MustCompile(`(?m)^ .*?(--[a-z-]+)`).FindAllStringSubmatch(c.LocalFlags().FlagUsages(), -1) {
			if flag[1] != "--help" && !slices.Contains(flags, flag[1]) {
				flags = append(flags, flag[1])
			}
		}
		for _, subcommand := range c.Commands() {
			visit(subcommand)
		}
	}
	visit(root)
	for _, subcommand := range root.Commands() {
		names = append(names, subcommand.Name())
	}
	var documented []string
	for _, word := range firstWords(t, operatePage, "| command | what it does |") {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "caddy usher "), " ")
		documented = append(documented, name)
	}
	compare(t, "command", operatePage, documented, names)
	compare(t, "flag", operatePage, firstWords(t, operatePage, "| flag | commands | meaning | default |"), flags)
}
