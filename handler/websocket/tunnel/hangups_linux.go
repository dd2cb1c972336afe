package tunnel

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// hangups tells direct sources that the other side has shut or lost its connection (epoll(7), EPOLLRDHUP). The runtime tells
// of that as it tells of bytes; so a source to which nobody else does must ask after each read whether an end has come with
// the bytes. The methods may be called on nil, which tells nobody.
type hangups struct {
	epoll      *os.File // for the runtime to wait for, instead of a thread
	descriptor int      // its own

	mutex   sync.Mutex
	sources []*directSource // by descriptor
}

// edgeTriggered is EPOLLET, which package syscall has as a negative number.
const edgeTriggered = 1 << 31

// newHangups is nil where the kernel has no descriptor left.
func newHangups() *hangups {
	descriptor, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil
	}
	_ = syscall.SetNonblock(descriptor, true) // or the runtime would not wait for it
	h := &hangups{epoll: os.NewFile(uintptr(descriptor), "epoll"), descriptor: descriptor}
	if h.epoll.SetReadDeadline(time.Time{}) != nil { // it does not
		h.epoll.Close()
		return nil
	}
	go h.run()
	return h
}

// close ends what newHangups began. Nothing else may be called after it.
func (h *hangups) close() {
	if h != nil {
		h.epoll.Close()
	}
}

// watch has the source told of its end from now on, and of one that came before.
func (h *hangups) watch(source source) {
	s, ok := source.(*directSource)
	if h == nil || !ok {
		return
	}
	_ = s.raw.Control(func(descriptor uintptr) {
		h.put(s)
		s.unsure.Store(false) // before anything can be told
		event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | edgeTriggered, Fd: int32(descriptor)}
		if syscall.EpollCtl(h.descriptor, syscall.EPOLL_CTL_ADD, int(descriptor), &event) != nil {
			s.unsure.Store(true)
		}
	})
}

func (h *hangups) put(s *directSource) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if missing := int(s.descriptor) + 1 - len(h.sources); missing > 0 {
		h.sources = append(h.sources, make([]*directSource, missing)...)
	}
	h.sources[s.descriptor] = s
}

// forget ends what watch began, when the source is over. The kernel has forgotten its descriptor with the connection, and
// may have given it to another.
func (h *hangups) forget(source source) {
	s, ok := source.(*directSource)
	if h == nil || !ok {
		return
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	// One whose connection was closed before it could be watched was never put there.
	if int(s.descriptor) < len(h.sources) && h.sources[s.descriptor] == s {
		h.sources[s.descriptor] = nil
	}
}

// run tells until close.
func (h *hangups) run() {
	raw, err := h.epoll.SyscallConn()
	if err != nil {
		return
	}
	var events [64]syscall.EpollEvent
	_ = raw.Read(func(descriptor uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(descriptor), events[:], 0)
			for i := range max(n, 0) {
				h.tell(events[i].Fd)
			}
			if n < len(events) && err != syscall.EINTR {
				return false
			}
		}
	})
}

func (h *hangups) tell(descriptor int32) {
	h.mutex.Lock()
	s := h.sources[descriptor]
	h.mutex.Unlock()
	if s != nil { // and if it is the descriptor's next source, that is told for nothing
		s.unsure.Store(true)
		s.wake()
	}
}
