// Package verdict holds the findings of checks: what was looked at, what was found, and how to fix it.
package verdict

import (
	"cmp"
	"slices"
)

// Level is how bad a verdict is.
type Level string

// The levels, in the order in which they are sorted.
const (
	Bad  Level = "bad"  // something to fix
	Warn Level = "warn" // something to look at
	Good Level = "ok"
)

// Verdict is one line of a check.
type Verdict struct {
	Level Level `json:"level"`
	// What was looked at: a URL without the values of its query, or a file.
	Subject string `json:"subject"`
	// What was found.
	Found string `json:"found"`
	// How to fix it. Empty for good verdicts.
	Remedy string `json:"remedy,omitempty"`
}

// Report collects verdicts. Add bounds their number.
type Report struct {
	Verdicts []Verdict `json:"verdicts"`
	// The verdicts that were left out because there were too many.
	LeftOut int `json:"left_out,omitempty"`
	// Whether a verdict is bad, also one that was left out.
	Bad bool `json:"bad"`
}

// maxVerdicts bounds a report.
const maxVerdicts = 2000

// Add adds a verdict, once.
func (r *Report) Add(level Level, subject, found, remedy string) {
	v := Verdict{level, subject, found, remedy}
	if slices.Contains(r.Verdicts, v) {
		return
	}
	r.Bad = r.Bad || level == Bad
	if len(r.Verdicts) == maxVerdicts {
		r.LeftOut++
		return
	}
	r.Verdicts = append(r.Verdicts, v)
}

// Sort puts bad verdicts first, and keeps the order otherwise.
func (r *Report) Sort() {
	rank := map[Level]int{Bad: 0, Warn: 1, Good: 2}
	slices.SortStableFunc(r.Verdicts, func(a, b Verdict) int { return cmp.Compare(rank[a.Level], rank[b.Level]) })
}
