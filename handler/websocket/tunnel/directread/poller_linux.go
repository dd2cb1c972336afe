package directread

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// hangupPoller notifies sources when the other side shuts down or loses its connection (epoll(7), EPOLLRDHUP). The runtime
// reports such an end like bytes. Without the poller a source must read once more after each read, to find an end that came
// with the bytes. The methods may be called on nil, which notifies no source.
type hangupPoller struct {
	epoll      *os.File // registered with the runtime's poller, so that it needs no thread
	descriptor int      // of epoll

	mutex   sync.Mutex
	sources []*Source // by descriptor
}

// edgeTriggered is EPOLLET. Package syscall has it as a negative number.
const edgeTriggered = 1 << 31

// newHangupPoller returns nil if no descriptor is left.
func newHangupPoller() *hangupPoller {
	descriptor, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	_ = syscall.SetNonblock(descriptor, true) // the runtime polls only nonblocking descriptors
	p := &hangupPoller{epoll: os.NewFile(uintptr(descriptor), "epoll"), descriptor: descriptor}
	if p.epoll.SetReadDeadline(time.Time{}) != nil { // the runtime does not poll it
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

// watch notifies the source when its connection ends, and also if it has ended already.
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

// forget removes a source. The kernel removed the descriptor when the connection was closed, and may have reused it since.
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
	if s != nil { // a new source that reuses the descriptor is woken needlessly
		s.mayEnd.Store(true)
		s.Wake()
	}
}
