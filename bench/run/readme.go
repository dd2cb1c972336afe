package main

import (
	"fmt"
	"strings"
)

// markers of a generated section of the README. The text outside of the sections is written by hand.
func markers(name string) (begin, end string) {
	return "<!-- generated: " + name + " -->\n", "<!-- end: " + name + " -->\n"
}

// replaceSection returns the README with another text between the markers of a section.
func replaceSection(readme, name, text string) (string, error) {
	begin, end := markers(name)
	before, rest, found := strings.Cut(readme, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("bench/README.md has no section %q: write the lines %q and %q", name, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + after, nil
}
