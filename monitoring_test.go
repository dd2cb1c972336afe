//lint:file-ignore SA1019 Grafana exports dashboards in the first version of its schema

package usher

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

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
	expressions := string(rules)
	for _, target := range dashboardTargets(t) {
		expressions += "\n" + target.Expr
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

type dashboardTarget struct{ RefID, Expr string }

func readDashboard(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile("examples/monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func dashboardTargets(t *testing.T) (targets []dashboardTarget) {
	t.Helper()
	var board struct {
		Panels []struct{ Targets []dashboardTarget }
	}
	if err := json.Unmarshal(readDashboard(t), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		targets = append(targets, panel.Targets...)
	}
	if len(targets) < 10 {
		t.Fatalf("the dashboard has %d targets", len(targets))
	}
	return targets
}

// The dashboard is valid by Grafana's schema: unknown fields, wrong types and values out of range are errors.
func TestDashboardFitsGrafanasSchema(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	content := readDashboard(t)
	if problems := schemaErrors(new(dashboard.Dashboard).UnmarshalJSONStrict(content)); problems != "" {
		t.Fatal(problems)
	}
	var board dashboard.Dashboard // the strict reading leaves out the panels
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	if problems := schemaErrors(board.Validate()); problems != "" {
		t.Error(problems)
	}
	if board.Title == nil || board.Uid == nil || len(board.Panels) == 0 {
		t.Error("the dashboard has no title, UID or panels")
	}
	ids := make(map[uint32]bool)
	for _, member := range board.Panels {
		panel := member.Panel
		if panel == nil || panel.Id == nil || ids[*panel.Id] || panel.Title == nil || len(panel.Targets) == 0 || panel.GridPos == nil || panel.GridPos.X+panel.GridPos.W > 24 {
			t.Errorf("panel %+v is incomplete, or its id occurs twice", panel)
			continue
		}
		ids[*panel.Id] = true
	}
	broken := strings.Replace(string(content), `"gridPos"`, `"gridPosition"`, 1)
	if schemaErrors(new(dashboard.Dashboard).UnmarshalJSONStrict([]byte(broken))) == "" {
		t.Error("an unknown field must be an error")
	}
}

// schemaErrors returns the text of an error. The SDK returns an empty list of errors for a valid dashboard, which is not nil.
func schemaErrors(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Prometheus parses each expression of the dashboard.
func TestDashboardExpressionsParse(t *testing.T) {
	t.Parallel()
	promtool := testsite.Tool(t, "promtool", "prometheus")
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for i, target := range dashboardTargets(t) {
		expression := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m") // as Grafana does
		rules = append(rules, rule{fmt.Sprintf("panel:%d", i), expression})
	}
	group := map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}}
	content, err := json.Marshal(group) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yml")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "check", "rules", file).CombinedOutput(); err != nil || !strings.Contains(string(out), fmt.Sprintf("%d rules found", len(rules))) {
		t.Errorf("promtool check rules: %v\n%s", err, out)
	}
}
