//go:build linux

package main

import (
	"syscall"

	"github.com/scan2food/usher/bench/internal/peers"
)

// raiseDescriptors raises the limit of file descriptors to its maximum, and returns the maximum.
func raiseDescriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		peers.Fatalf("%v", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		peers.Fatalf("raising the limit of file descriptors: %v", err)
	}
	return limit.Cur
}

// maxSockets returns the number of sockets that a server can have open. Each socket needs two descriptors.
func maxSockets() int { return int(min(raiseDescriptors(), 100000)-300) / 2 }
