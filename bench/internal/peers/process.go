// Package peers runs the programs that a benchmark works with, usher and what it is compared with, and says what they use.
package peers

import (
	"log"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program at work.
type Process struct {
	Name    string
	command *exec.Cmd
	ended   chan struct{} // closed when it has ended
}

// started are all that Fatalf must not leave behind.
var (
	startedMutex sync.Mutex
	started      []*Process
)

// Start runs a command. One that cannot be run ends the benchmark.
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

// Pid is its number.
func (p *Process) Pid() int { return p.command.Process.Pid }

// WaitFor waits until it does what is tried. One that does not within a minute ends the benchmark.
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
			Fatalf("%s does not answer: %v", p.Name, err)
		}
	}
}

// WaitUntilItListens waits until it accepts connections.
func (p *Process) WaitUntilItListens(network, address string) {
	p.WaitFor(func() error {
		conn, err := net.Dial(network, address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop ends it, politely at first.
func (p *Process) Stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(10*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	<-p.ended
}

// Fatalf ends the benchmark, and first what it has started.
func Fatalf(format string, args ...any) {
	startedMutex.Lock() // for good: a second failure changes nothing
	for _, p := range started {
		_ = p.command.Process.Kill()
	}
	log.Fatalf(format, args...)
}
