package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// programs are the commands that print the version of a peer.
var programs = []struct {
	name    string
	command []string
}{
	{"nginx", []string{"nginx", "-v"}},
	{"HAProxy", []string{"haproxy", "-v"}},
	{"Daphne", []string{"/usr/bin/python3", "-c", "import daphne; print(daphne.__version__)"}},
	{"WhiteNoise", []string{"/usr/bin/python3", "-c", "from importlib.metadata import version; print(version('whitenoise'))"}},
	{"Chromium", []string{"chromium", "--version"}},
	{"Node", []string{"node", "--version"}},
	{"wrk", []string{"wrk", "-v"}},
	{"nghttp2", []string{"h2load", "--version"}},
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// describeMachine returns the date, the machine and the versions of this run, as Markdown.
func describeMachine(now time.Time, command string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "`%s` on %s. Machine: %s, %d cores, Linux %s, load average %s at the start.\n\n",
		command, now.Format(time.DateOnly), processor(), runtime.NumCPU(), firstField("/proc/sys/kernel/osrelease"), firstField("/proc/loadavg"))
	versions := []string{"usher " + revision(), "Caddy " + module("github.com/caddyserver/caddy/v2"), "Go " + strings.TrimPrefix(runtime.Version(), "go")}
	for _, program := range programs {
		// wrk -v exits with 1
		out, _ := exec.Command(program.command[0], program.command[1:]...).CombinedOutput()
		if version := versionNumber.Find(out); version != nil {
			versions = append(versions, program.name+" "+string(version))
		}
	}
	fmt.Fprintf(&out, "Versions: %s.", strings.Join(versions, ", "))
	return out.String()
}

// processor returns the name of the processor.
func processor() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if key, name, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(name)
		}
	}
	return runtime.GOARCH
}

func firstField(file string) string {
	content, err := os.ReadFile(file)
	if fields := strings.Fields(string(content)); err == nil && len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}

func revision() string {
	out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "of unknown revision"
	}
	return strings.TrimSpace(string(out))
}

func module(path string) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", path).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}
