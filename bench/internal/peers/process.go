// Package peers runs the programs of a benchmark, usher and its peers, and measures their processor time and memory.
package peers

import (
	"log"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	Name    string
	command *exec.Cmd
	ended   chan struct{} // closed when the program has ended
}

// started are the programs that Fatalf kills.
var (
	startedMutex sync.Mutex
	started      []*Process
)

// Start runs a command. If the command cannot be run, the benchmark ends.
func Start(name string, command *exec.Cmd) *Process {
	if err := command.Start(); err != nil {
		Fatalf("starting %s: %v", name, err)
	}
	p := &Process{name, command, make(chan struct{})}
	go func() {
		_ = command.Wait()
		close(p.ended)
	}()
	startedMutex.Lock()
	defer startedMutex.Unlock()
	started = append(started, p)
	return p
}

// Pid returns the process ID.
func (p *Process) Pid() int { return p.command.Process.Pid }

// WaitFor calls try until try returns nil. If that takes more than a minute, the benchmark ends.
func (p *Process) WaitFor(try func() error) {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-p.ended:
			Fatalf("%s: %s", p.Name, p.command.ProcessState)
		default:
		}
		if time.Now().After(deadline) {
			Fatalf("%s does not respond: %v", p.Name, err)
		}
	}
}

// WaitForListener waits until the program accepts connections.
func (p *Process) WaitForListener(network, address string) {
	p.WaitFor(func() error {
		conn, err := net.Dial(network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop terminates the program, and kills it after 10 seconds.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	<-p.ended
}

// Fatalf kills all started programs and ends the benchmark with a message.
func Fatalf(format string, args ...any) {
	startedMutex.Lock() // never unlocked: the first failure ends the benchmark
	for _, p := range started {
		_ = p.command.Process.Kill()
	}
	log.Fatalf(format, args...)
}
