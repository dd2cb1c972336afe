// Command soak exchanges messages over many sockets through usher's tunnel while the configuration is reloaded repeatedly. It
// compares each message with its echo, and counts the goroutines, descriptors and heap of usher before, during and after the
// test. The application is Daphne if it is installed, or else an echo server of this program. The exit status is 1 if a message
// changed, a socket was cut, or resources leaked.
//
//	go run ./bench/soak [-duration 10m] [-sockets 500] [-reload 2s] [-application daphne|go]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		log.Fatal(serveApplication(os.Args[2]))
	}
	duration := flag.Duration("duration", 10*time.Minute, "duration of the test")
	count := flag.Int("sockets", 500, "number of open sockets")
	every := flag.Duration("reload", 2*time.Second, "time between reloads")
	application := flag.String("application", "", "daphne or go; default: daphne if installed")
	flag.Parse()
	if err := soak(*duration, *count, *every, *application); err != nil {
		log.Fatal(err)
	}
}

func soak(duration time.Duration, count int, every time.Duration, application string) error {
	dir, err := os.MkdirTemp("", "usher-soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "application.sock")
	backend, err := startApplication(dir, socket, application)
	if err != nil {
		return err
	}
	defer backend.Stop()
	server := startUsher(dir, socket)
	defer server.Stop()

	clients := newClients(server.address)
	clients.talk(count, time.Second, time.Second) // warms up the memory that the runtime keeps
	if err := server.reload(0); err != nil {
		return err
	}
	time.Sleep(closingTime)
	before, err := server.usage()
	if err != nil {
		return err
	}
	fmt.Printf("before: %s\n", before)

	stop, reloading := make(chan struct{}), sync.WaitGroup{}
	var reloads int
	var failure error
	reloading.Go(func() { reloads, failure = server.reloadEvery(every, stop) })
	reporting := time.NewTicker(max(duration/10, time.Second))
	go func() {
		for range reporting.C {
			if now, err := server.usage(); err == nil {
				fmt.Printf("%s; %s\n", clients, now)
			}
		}
	}()
	clients.talk(count, duration, duration/4)
	close(stop)
	reloading.Wait()
	reporting.Stop()
	if failure != nil {
		return failure
	}
	return conclude(server, clients, before, reloads)
}

// closingTime is how long the last sockets may take to close.
const closingTime = 5 * time.Second

// conclude prints the result, and returns an error if the test failed. The heap may grow by half, since Caddy keeps memory for each
// configuration.
func conclude(server *usher, clients *clients, before usage, reloads int) error {
	time.Sleep(closingTime)
	after, err := server.usage()
	if err != nil {
		return err
	}
	fmt.Printf("after: %s\n%d reloads, %s\n", after, reloads, clients)
	switch {
	case clients.lost.Load() > 0:
		return fmt.Errorf("%d sockets were cut or changed a message; the first: %w", clients.lost.Load(), clients.firstLoss())
	case after.goroutines > before.goroutines+20, after.descriptors > before.descriptors+20:
		return fmt.Errorf("goroutines or descriptors leaked")
	case after.heap > before.heap*3/2:
		return fmt.Errorf("the heap grew by more than half")
	}
	return nil
}

// startApplication runs Daphne, or this program as the application in a process of its own.
func startApplication(dir, socket, which string) (*peers.Process, error) {
	const python = "/usr/bin/python3"
	if which == "" {
		which = "go"
		if exec.Command(python, "-c", "import daphne").Run() == nil {
			which = "daphne"
		}
	}
	fmt.Printf("the application is %s\n", which)
	var command *exec.Cmd
	switch which {
	case "daphne":
		if err := os.WriteFile(filepath.Join(dir, "echo.py"), []byte(asgiApplication), 0o600); err != nil {
			return nil, err
		}
		command = exec.Command(python, "-m", "daphne", "-u", socket, "echo:application")
		command.Dir = dir
	case "go":
		program, err := os.Executable()
		if err != nil {
			return nil, err
		}
		command = exec.Command(program, "serve", socket)
	default:
		return nil, fmt.Errorf("-application: want daphne or go, got %q", which)
	}
	command.Stderr = os.Stderr
	process := peers.Start("the application", command)
	process.WaitForListener("unix", socket)
	return process, nil
}
