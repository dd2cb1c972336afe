package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ProcessorTime returns the processor time of the program and its children in seconds. It is in fields 14 and 15 of stat, in
// hundredths of a second (proc(5)).
func (p *Process) ProcessorTime() float64 {
	total := 0.0
	for _, pid := range p.family() {
		fields := statFields(pid)
		if len(fields) < 13 {
			Fatalf("%s: no processor time of process %s", p.Name, pid)
		}
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		total += (user + system) / 100
	}
	return total
}

// Resident returns the resident memory of the program and its children, in bytes.
func (p *Process) Resident() int {
	total := 0
	for _, pid := range p.family() {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			Fatalf("%s: %v", p.Name, err)
		}
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		var kilobytes int
		if _, err := fmt.Sscan(after, &kilobytes); err != nil {
			Fatalf("the memory of %s: %v", p.Name, err)
		}
		total += kilobytes << 10
	}
	return total
}

// family returns the IDs of the process and its children. HAProxy does its work in a child.
func (p *Process) family() []string {
	pids := []string{strconv.Itoa(p.Pid())}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		Fatalf("%v", err)
	}
	for _, name := range stats {
		pid := filepath.Base(filepath.Dir(name))
		if fields := statFields(pid); len(fields) > 1 && fields[1] == pids[0] {
			pids = append(pids, pid)
		}
	}
	return pids
}

// statFields returns the fields of stat after the program's name: state, parent, ... (proc(5)). It returns none if the process has
// ended.
func statFields(pid string) []string {
	stat, _ := os.ReadFile("/proc/" + pid + "/stat")
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(after)
}
