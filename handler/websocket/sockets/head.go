package sockets

import "net/http"

// head follows the head of a response that is written to a hijacked connection, as some handlers do instead of calling
// WriteHeader: what comes behind it is frames. The zero value follows none.
type head struct {
	underWay bool
	at       int8 // position in the status line, as far as its status
	line     int8 // bytes of the empty line that ends the head
	status   int
}

const (
	statusAt   = int8(len("HTTP/1.1 "))
	statusEnd  = statusAt + 3
	emptyLines = "\r\n\r\n"
)

// skip follows p to the end of the head, if it is there, and returns how far it came. Interim responses are passed over.
func (h *head) skip(p []byte) int {
	for n, b := range p {
		if h.at < statusEnd {
			if h.at >= statusAt {
				h.status = h.status*10 + int(b-'0')
			}
			h.at++
		}
		switch b {
		case emptyLines[h.line]:
			h.line++
		case '\r':
			h.line = 1
		default:
			h.line = 0
		}
		if int(h.line) < len(emptyLines) {
			continue
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			h.underWay = false
			return n + 1
		}
		*h = head{underWay: true}
	}
	return len(p)
}
