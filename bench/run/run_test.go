package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const firstRun = `starting
| rejected by | rate | usher is | p99 | memory |
|---|---|---|---|---|
| usher | 100 | 1.00 times | 2.5ms | 62 MB, 63 MB |
| Caddy | 50 | 2.00 times | 900µs | 60 MB, 61 MB |
| Daphne |  | | 1s | |
| usher, with lines | 80 | 1.25 times | 3ms | 62 MB, 63 MB |
| Caddy, with lines | 20 | 5.00 times | 3ms | 62 MB, 63 MB |

TLS, per second

| server | KB |
|---|---|
| usher | 18.1 |
`

// The middle of three runs counts, and the middle of the three quotients.
func TestSectionHasMedians(t *testing.T) {
	t.Parallel()
	second := strings.NewReplacer("| 100 |", "| 300 |", "| 50 |", "| 100 |", "18.1", "18.3").Replace(firstRun)
	third := strings.NewReplacer("| 100 |", "| 200 |", "| 50 |", "| 20 |", "18.1", "17.0").Replace(firstRun)
	directory := t.TempDir()
	section, err := benchmark{name: "gate", compare: true}.section([]string{firstRun, second, third}, directory, "2026-11-29")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"starting:\n\n| rejected by |", "| usher | 200 | 1.00 times | 2.50 ms | 62 MB, 63 MB |\n", "| Caddy | 50 (3.00) | 2.00 times | 0.90 ms (2.78) |",
		"| Daphne |  |  | 1000.00 ms (0.00) |  |", "| Caddy, with lines | 20 (4.00) |", "TLS, per second:\n\n| server | KB |\n|---|---|\n| usher | 18.1 |\n",
		"![Bars of this table](plots/gate-1.svg)", "median of the runs (3)",
	} {
		if !strings.Contains(section, want) {
			t.Errorf("the section lacks %q:\n%s", want, section)
		}
	}
	image, err := os.ReadFile(filepath.Join(directory, "plots/gate-1.svg"))
	var parsed struct {
		Texts []string `xml:"text"`
	}
	if err != nil || xml.Unmarshal(image, &parsed) != nil {
		t.Fatalf("no plot: %v", err)
	}
	texts := strings.Join(parsed.Texts, "|")
	if !strings.Contains(texts, "|rate|usher|200|Caddy|50 (3.00)|Daphne|not measured|") || strings.Contains(texts, "usher is") {
		t.Errorf("the plot shows %s", texts)
	}
}

// A table of zeros has no bars, so it has no plot.
func TestTableOfZerosHasNoPlot(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	section, err := benchmark{name: "visits"}.section([]string{"Again\n| server | page |\n|---|---|\n| usher | 0.0 KB |\n"}, directory, "")
	if err != nil || !strings.Contains(section, "| usher | 0.0 KB |") || strings.Contains(section, "![") {
		t.Errorf("the section is %q, %v, want the table without a plot", section, err)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("%d files were written, %v", len(entries), err)
	}
}

func TestRunsMustAgree(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]string{
		"no table":        "stopped",
		"fewer tables":    firstRun[:strings.Index(firstRun, "TLS")],
		"another server":  firstRun + "| nginx | 42.4 |\n",
		"another heading": strings.Replace(firstRun, "| KB |", "| MB |", 1),
	} {
		if _, err := (benchmark{name: "gate"}).section([]string{firstRun, second}, t.TempDir(), ""); err == nil {
			t.Errorf("%s: two runs that differ have a result", name)
		}
	}
}

// The README has a section for each benchmark, and text outside of a section stays as it is.
func TestSectionsOfTheReadme(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(content)
	names := []string{"run"}
	for _, b := range benchmarks {
		names = append(names, b.name)
	}
	for _, name := range names {
		changed, err := replaceSection(readme, name, "measured")
		if err != nil {
			t.Error(err)
			continue
		}
		begin, end := markers(name)
		before, _, _ := strings.Cut(readme, begin)
		_, after, _ := strings.Cut(readme, end)
		if changed != before+begin+"\nmeasured\n\n"+end+after {
			t.Errorf("%s: text outside of the section changed", name)
		}
	}
	if _, err := replaceSection(readme, "unknown", ""); err == nil {
		t.Error("a section without markers is no error")
	}
}
