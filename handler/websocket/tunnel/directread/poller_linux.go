package directread

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// hangupPoller notifies sources that the other side has shut down or lost its connection (epoll(7), EPOLLRDHUP). The runtime
// reports such an end in the same way as bytes. Without the poller a source must therefore read once more after each read, to
// find an end that came with the bytes. The methods may be called on nil, which notifies nobody.
type hangupPoller struct {
	epoll      *os.File // the runtime waits for it, so that no thread has to
	descriptor int      // of epoll

	mutex   sync.Mutex
	sources []*Source // by descriptor
}

// edgeTriggered is EPOLLET, which package syscall has as a negative number.
const edgeTriggered = 1 << 31

// newHangupPoller returns nil if the kernel has no descriptor left.
func newHangupPoller() *hangupPoller {
	descriptor, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	_ = syscall.SetNonblock(descriptor, true) // or the runtime does not wait for it
	p := &hangupPoller{epoll: os.NewFile(uintptr(descriptor), "epoll"), descriptor: descriptor}
	if p.epoll.SetReadDeadline(time.Time{}) != nil { // the runtime does not
		p.epoll.Close()
		return nil
	}
	go p.run()
	return p
}

// close ends the poller. No other method may be called after it.
func (p *hangupPoller) close() {
	if p != nil {
		p.epoll.Close()
	}
}

// watch notifies the source of its end from now on, and of an end that came before.
func (p *hangupPoller) watch(s *Source) {
	if p == nil {
		return
	}
	_ = s.raw.Control(func(descriptor uintptr) {
		p.put(s)
		s.mayEnd.Store(false) // before any notification
		event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | edgeTriggered, Fd: int32(descriptor)}
		if syscall.EpollCtl(p.descriptor, syscall.EPOLL_CTL_ADD, int(descriptor), &event) != nil {
			s.mayEnd.Store(true)
		}
	})
}

func (p *hangupPoller) put(s *Source) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if missing := int(s.descriptor) + 1 - len(p.sources); missing > 0 {
		p.sources = append(p.sources, make([]*Source, missing)...)
	}
	p.sources[s.descriptor] = s
}

// forget removes a source. The kernel has forgotten the descriptor when the connection was closed, and may have given it to
// another connection since.
func (p *hangupPoller) forget(s *Source) {
	if p == nil {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	// A connection that was closed before watch has no entry.
	if int(s.descriptor) < len(p.sources) && p.sources[s.descriptor] == s {
		p.sources[s.descriptor] = nil
	}
}

// run notifies sources until close.
func (p *hangupPoller) run() {
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return
	}
	var events [64]syscall.EpollEvent
	_ = raw.Read(func(descriptor uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(descriptor), events[:], 0)
			for i := range max(n, 0) {
				p.notify(events[i].Fd)
			}
			if n < len(events) && err != syscall.EINTR {
				return false
			}
		}
	})
}

func (p *hangupPoller) notify(descriptor int32) {
	p.mutex.Lock()
	s := p.sources[descriptor]
	p.mutex.Unlock()
	if s != nil { // a later source with the same descriptor is woken for nothing
		s.mayEnd.Store(true)
		s.Wake()
	}
}
