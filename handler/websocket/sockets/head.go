package sockets

import "net/http"

// head follows the head of a response that is written to a hijacked connection, as some handlers do instead of calling
// WriteHeader: what comes behind it is frames. The zero value follows none.
type head struct {
	active    bool
	position  int8 // position in the status line, as far as its status
	emptyLine int8 // bytes of the empty line that ends the head
	status    int
}

const (
	statusStart = int8(len("HTTP/1.1 "))
	statusEnd   = statusStart + 3
	emptyLines  = "\r\n\r\n"
)

// skip follows p to the end of the head, if it is there, and returns how far it came. Interim responses are passed over.
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
