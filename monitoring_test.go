package usher

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// knownMetrics returns the names of the metrics that the code defines.
func knownMetrics(t *testing.T) map[string]bool {
	t.Helper()
	known := make(map[string]bool)
	files, err := filepath.Glob("handler/caddy/*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`"(usher_[a-z_]+)"`).FindAllSubmatch(source, -1) {
			known[string(match[1])] = true
		}
	}
	return known
}

// metricDefinition finds the name in the definition of a metric.
var metricDefinition = regexp.MustCompile(`(?:Name:\s*|NewDesc\(\s*)"(usher_[a-z_]+)"`)

// The reference explains each metric.
func TestReferenceExplainsAllMetrics(t *testing.T) {
	t.Parallel()
	reference, err := os.ReadFile("docs/reference/logs_and_metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := 0
	err = filepath.WalkDir("handler", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range metricDefinition.FindAllSubmatch(source, -1) {
			defined++
			if name := string(match[1]); !strings.Contains(string(reference), "`"+name+"`") {
				t.Errorf("docs/reference/logs_and_metrics.md does not explain %s of %s", name, path)
			}
		}
		return err
	})
	if err != nil || defined < 25 {
		t.Errorf("found %d metrics, %v", defined, err)
	}
}

var metricName = regexp.MustCompile(`usher_[a-z_]+`)

// The rules and the dashboard use metrics that exist.
func TestMonitoringUsesMetricsThatExist(t *testing.T) {
	t.Parallel()
	known := knownMetrics(t)
	rules, err := os.ReadFile("examples/monitoring/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile("examples/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Title         string
		UID           string
		SchemaVersion int
		Panels        []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil || dashboard.Title == "" || dashboard.UID == "" || dashboard.SchemaVersion < 30 || len(dashboard.Panels) == 0 {
		t.Fatalf("the dashboard is incomplete: %v", err)
	}
	ids, expressions := make(map[int]bool), string(rules)
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.Title == "" || len(panel.Targets) == 0 || panel.GridPos.W < 1 || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %d %q is incomplete", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			expressions += "\n" + target.Expr
		}
	}
	names := metricName.FindAllString(expressions, -1)
	if len(names) < 10 {
		t.Errorf("found %d metrics", len(names))
	}
	for _, name := range names {
		if !known[name] {
			t.Errorf("no metric is called %s", name)
		}
	}
	for _, alert := range []string{"RouteDark", "RejectionsRising", "UpstreamDown", "StaleVersion", "KeyUnused", "SocketsNearLimit", "KeysFileInvalid"} {
		if !strings.Contains(string(rules), "alert: Usher"+alert) {
			t.Errorf("the rule Usher%s is missing", alert)
		}
	}
}

// The rules fire when they should.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool := testsite.Tool(t, "promtool", "prometheus")
	for _, arguments := range [][]string{{"check", "rules", "rules.yml"}, {"test", "rules", "rules_test.yml"}} {
		command := exec.Command(promtool, arguments...)
		command.Dir = "examples/monitoring"
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
}
