// Command run measures usher and all of its peers in one run, and writes the tables and plots of bench/README.md.
//
// Benchmarks that compare rates run several times and alternate between usher and its peers. A number is the median of its
// runs. The number in parentheses is the median of the pairs: usher's number divided by that of the peer in the same run.
//
//	go run ./bench/run [-quick] [-only gate,visits]
//
// It must run in the root of the module, and takes about half an hour. With -quick it takes three minutes, for a look at the
// programs: its numbers are no results.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/plot"
)

// benchmark is one section of the README.
type benchmark struct {
	name    string
	pkg     string // the program
	full    []string
	quick   []string
	runs    int  // of the full measurement
	compare bool // print the medians of the pairs
	test    bool // the program is a test: its last line is the result
}

var benchmarks = []benchmark{
	{name: "gate", pkg: "./bench/gate", runs: 5, compare: true,
		full: []string{"-seconds", "3", "-rounds", "1"}, quick: []string{"-seconds", "1", "-rounds", "1"}},
	{name: "tunnel-memory", pkg: "./bench/tunnel", runs: 1, compare: true,
		full: []string{"-seconds", "0"}, quick: []string{"-seconds", "0", "-sockets", "300", "-streams", "50", "-settle", "1s"}},
	{name: "tunnel-work", pkg: "./bench/tunnel", runs: 5, compare: true,
		full: []string{"-sockets", "0", "-rounds", "1"}, quick: []string{"-sockets", "0", "-rounds", "1", "-seconds", "0.3"}},
	{name: "assets", pkg: "./bench/assets", runs: 3, compare: true,
		full: []string{"-seconds", "1", "-rounds", "1"}, quick: []string{"-seconds", "1", "-rounds", "1"}},
	{name: "visits", pkg: "./bench/visits", runs: 1, quick: []string{"-quick", "-builds", "vite-vue"}},
	{name: "soak", pkg: "./bench/soak", runs: 1, test: true,
		full: []string{"-duration", "3m"}, quick: []string{"-duration", "10s", "-sockets", "100"}},
}

const readmeFile = "bench/README.md"

func main() {
	quick := flag.Bool("quick", false, "measure for seconds; the numbers are no results")
	only := flag.String("only", "", "the benchmarks to run; default: all")
	target := flag.String("readme", readmeFile, "the file to write; plots go to the directory plots next to it")
	flag.Parse()
	chosen := benchmarks
	if *only != "" {
		chosen = nil
		for name := range strings.SplitSeq(*only, ",") {
			i := slices.IndexFunc(benchmarks, func(b benchmark) bool { return b.name == name })
			if i < 0 {
				log.Fatalf("-only: unknown benchmark %q", name)
			}
			chosen = append(chosen, benchmarks[i])
		}
	}
	command := "go run ./bench/run"
	if *quick {
		command += " -quick"
	}
	now, conditions := time.Now(), ""
	if *only != "" { // the other sections keep what they say of an earlier run
		conditions = describeMachine(now, command+" -only "+*only) + "\n\n"
	} else if err := update(*target, "run", describeMachine(now, command)); err != nil {
		log.Fatal(err)
	}
	failed := false
	for _, b := range chosen {
		started := time.Now()
		text, err := b.measure(*quick, filepath.Dir(*target), now.Format(time.DateOnly))
		if err == nil {
			err = update(*target, b.name, conditions+text)
		}
		if err != nil {
			failed = true
			log.Printf("%s: %v", b.name, err)
			continue
		}
		log.Printf("%s: done in %s", b.name, time.Since(started).Round(time.Second))
	}
	if failed {
		os.Exit(1)
	}
}

// update writes one section, so that a later failure loses nothing.
func update(file, section, text string) error {
	readme, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := replaceSection(string(readme), section, text)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}

// measure runs a benchmark and returns its section. It writes a plot for each table.
func (b benchmark) measure(quick bool, directory, date string) (string, error) {
	args, runs := b.full, b.runs
	if quick {
		args, runs = b.quick, 1
	}
	scratch, err := os.MkdirTemp("", "usher-bench-run")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	program := filepath.Join(scratch, b.name)
	if out, err := exec.Command("go", "build", "-o", program, b.pkg).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	var outputs []string
	for range runs {
		var output bytes.Buffer
		command := exec.Command(program, args...)
		command.Stdout, command.Stderr = io.MultiWriter(&output, os.Stderr), os.Stderr
		if err := command.Run(); err != nil {
			return "", err
		}
		outputs = append(outputs, output.String())
	}
	if b.test {
		lines := strings.Split(strings.TrimSpace(outputs[0]), "\n")
		return "The last run, on " + date + ": " + lines[len(lines)-1] + ".", nil
	}
	return b.section(outputs, directory, date)
}

// section returns the Markdown of the outputs of all runs.
func (b benchmark) section(outputs []string, directory, date string) (string, error) {
	tables := make([][]table, len(outputs))
	for i, output := range outputs {
		tables[i] = parseTables(output)
		if len(tables[i]) == 0 || len(tables[i]) != len(tables[0]) {
			return "", fmt.Errorf("run %d printed %d tables, want as many as run 1, and one at least", i+1, len(tables[i]))
		}
	}
	var text strings.Builder
	for i := range tables[0] {
		var runs []table
		for _, run := range tables {
			runs = append(runs, run[i])
		}
		merged, err := merge(runs, b.compare)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%s\n", merged.markdown())
		if !merged.hasBars() {
			continue
		}
		name := fmt.Sprintf("plots/%s-%d.svg", b.name, i+1)
		if err := writePlot(filepath.Join(directory, name), b.name, date, merged); err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "![Bars of this table](%s)\n\n", name)
	}
	if b.compare {
		fmt.Fprintf(&text, "Each number is the median of the runs (%d). In parentheses: usher's number divided by that of the server, the median of the pairs.", len(outputs))
	}
	return text.String(), nil
}

// writePlot draws a panel for each column of numbers, with a bar for each row.
func writePlot(file, name, date string, t table) error {
	var panels []plot.Panel
	for column, title := range t.header {
		panel := plot.Panel{Title: title}
		numbers := 0
		for _, row := range t.rows {
			cell, label := row[column], labelOf(row)
			v, ok := parseMerged(cell)
			if ok && v.unit != timesUnit {
				numbers++
			}
			panel.Bars = append(panel.Bars, plot.Bar{
				Label: label, Value: v.number, Text: cmp.Or(cell, "not measured"), Highlight: strings.Contains(", "+label, ", usher"),
			})
		}
		if numbers > 0 {
			panels = append(panels, panel)
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	title := name
	if t.title != "" {
		title += ": " + t.title
	}
	return os.WriteFile(file, plot.SVG(title, date, panels...), 0o644)
}

// hasBars tells whether a plot of the table has a bar. A table of zeros has none.
func (t table) hasBars() bool {
	return slices.ContainsFunc(t.rows, func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool {
			v, ok := parseMerged(cell)
			return ok && v.unit != timesUnit && v.number > 0
		})
	})
}

// labelOf joins the cells before the first number.
func labelOf(row []string) string {
	var label []string
	for _, cell := range row {
		if _, ok := parseMerged(cell); ok || cell == "" {
			break
		}
		label = append(label, cell)
	}
	return strings.Join(label, ", ")
}
