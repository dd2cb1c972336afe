package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table is a Markdown table that a benchmark printed, and the line before it.
type table struct {
	title  string
	header []string
	rows   [][]string
}

// parseTables returns the tables of an output, in order. Lines that belong to no table are left out.
func parseTables(output string) (tables []table) {
	title, inside := "", false
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			if inside = false; line != "" {
				title = line
			}
		case !inside:
			tables = append(tables, table{title: title, header: cells(line)})
			title, inside = "", true
		case strings.Trim(line, "|-: ") == "":
		default:
			last := &tables[len(tables)-1]
			last.rows = append(last.rows, cells(line))
		}
	}
	return tables
}

func cells(line string) []string {
	parts := strings.Split(strings.Trim(line, "|"), "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// value is a cell with a number and a unit. A duration is in milliseconds.
type value struct {
	number   float64
	decimals int
	unit     string // with the space before it
}

// parseValue returns ok=false for text, and for cells with several numbers.
func parseValue(cell string) (v value, ok bool) {
	if d, err := time.ParseDuration(cell); err == nil && cell != "0" {
		return value{number: d.Seconds() * 1000, decimals: 2, unit: " ms"}, true
	}
	digits := strings.TrimLeft(cell, "-0123456789.")
	number := strings.TrimSuffix(cell, digits)
	unit := strings.TrimSpace(digits)
	if number == "" || strings.ContainsAny(unit, " ,0123456789") {
		return value{}, false
	}
	parsed, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return value{}, false
	}
	_, fraction, _ := strings.Cut(number, ".")
	return value{parsed, len(fraction), digits}, true
}

// parseMerged leaves out the quotient that merge adds.
func parseMerged(cell string) (value, bool) {
	number, _, _ := strings.Cut(cell, " (")
	return parseValue(number)
}

func (v value) String() string { return strconv.FormatFloat(v.number, 'f', v.decimals, 64) + v.unit }

// timesUnit is the unit of a column that compares usher with the row's server already.
const timesUnit = " times"

// isUsher tells whether the rows that follow are compared with this row.
func isUsher(row []string) bool { return row[0] == "usher" || strings.HasPrefix(row[0], "usher,") }

// merge returns the table of several runs: each number is the median of its runs. With compare, a peer's cell also has the median of
// the pairs: usher's number divided by that of the peer, in the same run. All runs must have the same rows.
func merge(runs []table, compare bool) (table, error) {
	first := runs[0]
	merged := table{title: first.title, header: first.header}
	for _, run := range runs[1:] {
		if len(run.rows) != len(first.rows) || !slices.Equal(run.header, first.header) {
			return table{}, fmt.Errorf("the runs of %q have different tables", first.title)
		}
	}
	baseline := -1
	for i, row := range first.rows {
		if isUsher(row) {
			baseline = i
		}
		cells := slices.Clone(row)
		for column := range cells {
			numbers, pairs := columnOf(runs, i, column, baseline)
			v, ok := parseValue(row[column])
			if !ok || len(numbers) < len(runs) {
				continue
			}
			v.number = median(numbers)
			cells[column] = v.String()
			if compare && baseline >= 0 && i != baseline && v.unit != timesUnit && len(pairs) == len(runs) {
				cells[column] += fmt.Sprintf(" (%.2f)", median(pairs))
			}
		}
		merged.rows = append(merged.rows, cells)
	}
	return merged, nil
}

// columnOf returns the numbers of a cell in all runs, and the quotients of the baseline's number and this number.
func columnOf(runs []table, row, column, baseline int) (numbers, pairs []float64) {
	for _, run := range runs {
		if column >= len(run.rows[row]) {
			continue
		}
		v, ok := parseValue(run.rows[row][column])
		if !ok {
			continue
		}
		numbers = append(numbers, v.number)
		if baseline < 0 || column >= len(run.rows[baseline]) {
			continue
		}
		if usher, ok := parseValue(run.rows[baseline][column]); ok && v.number != 0 {
			pairs = append(pairs, usher.number/v.number)
		}
	}
	return numbers, pairs
}

// median returns the middle value, or the mean of the two middle values.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted) == 0 {
		return math.NaN()
	}
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// markdown returns the table with its title.
func (t table) markdown() string {
	var out strings.Builder
	if t.title != "" {
		fmt.Fprintf(&out, "%s:\n\n", strings.TrimSuffix(t.title, ":"))
	}
	fmt.Fprintf(&out, "| %s |\n%s|\n", strings.Join(t.header, " | "), strings.Repeat("|---", len(t.header)))
	for _, row := range t.rows {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
	}
	return out.String()
}
