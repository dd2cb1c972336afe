package sockets

import "net/http"

// head follows a response head that a handler writes to a hijacked connection instead of calling WriteHeader. Frames follow the
// head. The zero value expects no head.
type head struct {
	active    bool
	position  int8 // in the status line, up to the end of the status
	emptyLine int8 // bytes matched of the empty line that ends the head
	status    int
}

const (
	statusStart = int8(len("HTTP/1.1 "))
	statusEnd   = statusStart + 3
	emptyLines  = "\r\n\r\n"
)

// skip follows p up to the end of the head, or to the end of p, and returns the number of bytes followed. It skips interim
// responses.
func (h *head) skip(p []byte) int {
	for n, b := range p {
		if h.position < statusEnd {
			if h.position >= statusStart {
				h.status = h.status*10 + int(b-'0')
			}
			h.position++
		}
		switch b {
		case emptyLines[h.emptyLine]:
			h.emptyLine++
		case '\r':
			h.emptyLine = 1
		default:
			h.emptyLine = 0
		}
		if int(h.emptyLine) < len(emptyLines) {
			continue
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			h.active = false
			return n + 1
		}
		*h = head{active: true}
	}
	return len(p)
}
