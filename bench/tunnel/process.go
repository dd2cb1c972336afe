//go:build linux

package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that this one has started.
type process struct {
	name    string
	command *exec.Cmd
}

func startProcess(name string, command *exec.Cmd) process {
	if err := command.Start(); err != nil {
		fatalf("starting %s: %v", name, err)
	}
	p := process{name, command}
	startedMutex.Lock()
	defer startedMutex.Unlock()
	started = append(started, p)
	return p
}

// started are all that fatalf must not leave behind.
var (
	startedMutex sync.Mutex
	started      []process
)

// fatalf ends this program, and first those that it has started.
func fatalf(format string, args ...any) {
	startedMutex.Lock() // for good: a second failure changes nothing
	for _, p := range started {
		_ = p.command.Process.Kill()
	}
	log.Fatalf(format, args...)
}

// stop ends it, politely at first.
func (p process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(2*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	_ = p.command.Wait()
}

// family are the process and its children: HAProxy works in one.
func (p process) family() []string {
	pids := []string{strconv.Itoa(p.command.Process.Pid)}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		fatalf("%v", err)
	}
	for _, name := range stats {
		if fields := statFields(name); len(fields) > 1 && fields[1] == pids[0] {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

// statFields are those behind the program's name: state, parent, ... (proc(5)). There are none if it has ended.
func statFields(name string) []string {
	stat, _ := os.ReadFile(name)
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.Fields(after)
}

// resident is its resident memory, in bytes.
func (p process) resident() int {
	total := 0
	for _, pid := range p.family() {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			fatalf("%v", err)
		}
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		var kilobytes int
		if _, err := fmt.Sscan(after, &kilobytes); err != nil {
			fatalf("the memory of %s: %v", p.name, err)
		}
		total += kilobytes << 10
	}
	return total
}

// processorTime is what it has used, in seconds; stat has hundredths.
func (p process) processorTime() float64 {
	total := 0.0
	for _, pid := range p.family() {
		fields := statFields("/proc/" + pid + "/stat")
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		total += (user + system) / 100
	}
	return total
}

// raiseDescriptors asks for as many as may be had.
func raiseDescriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fatalf("%v", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		fatalf("raising the limit of file descriptors: %v", err)
	}
	return limit.Cur
}

// mostSockets is how many a server can have open, at two descriptors each.
func mostSockets() int { return int(min(raiseDescriptors(), 100000)-300) / 2 }
