// Command soak keeps many sockets talking through usher's tunnel while its configuration is reloaded again and again, and says
// whether anything was lost: every message is compared byte for byte with what comes back, sockets come and go, and what the
// process of usher holds is counted before, meanwhile and after. Behind the tunnel is a real Daphne, where Python has one, or
// the small server of this program. It ends with status 1 if a byte was lost, a socket cut, or something left behind.
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
	duration := flag.Duration("duration", 10*time.Minute, "how long to go on")
	count := flag.Int("sockets", 500, "how many sockets are open at a time")
	every := flag.Duration("reload", 2*time.Second, "how often the configuration is loaded anew")
	application := flag.String("application", "", "daphne or go; default: daphne where Python has it")
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
	behind, err := startApplication(dir, socket, application)
	if err != nil {
		return err
	}
	defer behind.Stop()
	server := startUsher(dir, socket)
	defer server.Stop()

	clients := newClients(server.address)
	clients.talk(count, time.Second, time.Second) // what the runtime makes once, for so many sockets
	if err := server.reload(0); err != nil {
		return err
	}
	time.Sleep(lingering)
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

// lingering is how long the last sockets may take to be gone.
const lingering = 5 * time.Second

// conclude says what came of it. The heap may be half as large again, for Caddy's own of so many configurations.
func conclude(server *usher, clients *clients, before usage, reloads int) error {
	time.Sleep(lingering)
	after, err := server.usage()
	if err != nil {
		return err
	}
	fmt.Printf("after: %s\n%d reloads, %s\n", after, reloads, clients)
	switch {
	case clients.lost.Load() > 0:
		return fmt.Errorf("%d sockets were cut, or had bytes changed; the first: %w", clients.lost.Load(), clients.firstLoss())
	case after.goroutines > before.goroutines+20, after.descriptors > before.descriptors+20:
		return fmt.Errorf("goroutines or descriptors were left behind")
	case after.heap > before.heap*3/2:
		return fmt.Errorf("the heap has grown by more than half")
	}
	return nil
}

// startApplication runs Daphne, or this program again, so that its descriptors are its own.
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
	process.WaitUntilItListens("unix", socket)
	return process, nil
}
