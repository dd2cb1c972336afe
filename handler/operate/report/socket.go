package report

import "time"

// Socket is one open WebSocket.
type Socket struct {
	// The number of the socket, unique in the process. WSCONNECT and WSDISCONNECT carry it too.
	ID uint64 `json:"id"`
	// The ID of the process, as in the list of machines. Absent if the machine shares nothing.
	Process string `json:"process,omitempty"`
	// The host, path and route of the handshake. The route is empty for sockets of a tunnel without a gate.
	Host  string `json:"host"`
	Path  string `json:"path"`
	Route string `json:"route"`
	// The label of the key or ticket that opened the socket.
	Key string `json:"key"`
	// The user of the ticket, if the application named one.
	User string `json:"user"`
	// The number of the session that the socket is bound to, equal for all sockets of one session. 0 means none. The value of
	// the session is never reported.
	Session uint64 `json:"session"`
	// The client's address, with trusted proxies considered.
	Client string `json:"client"`
	// The origin of the page that opened the socket. Empty for clients other than browsers.
	Origin string `json:"origin"`
	// The application's address. Empty for sockets that `websocket_tunnel` does not carry.
	Upstream string `json:"upstream"`
	// The HTTP version of the handshake.
	Protocol string `json:"protocol"`
	// When the handshake began, and when bytes last went either way, to about a second.
	Opened time.Time `json:"opened"`
	Active time.Time `json:"active"`
	// Bytes from and to the client, frame headers included.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// Sockets is the answer to GET /usher/sockets.
type Sockets struct {
	// The number of open sockets of the process, and of those that match the filters.
	Total    int `json:"total"`
	Matching int `json:"matching"`
	// The sums of bytes over the matching sockets.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// The matching sockets by route.
	ByRoute map[string]int `json:"by_route"`
	// One page of the matching sockets, oldest first.
	Sockets []Socket `json:"sockets"`
	// The value of `after` for the next page. 0 on the last page.
	Next uint64 `json:"next,omitempty"`
	// The sockets of the other machines, by the same query. Absent for `id`, `session` and `after` without `process`.
	Machines []MachineSockets `json:"machines,omitempty"`
	// Whether the shared storage fails: the sockets of other machines are not known.
	Alone bool `json:"alone,omitempty"`
}

// MachineSockets are the sockets of another machine.
type MachineSockets struct {
	// The ID of the process, and the name of its machine.
	Process string `json:"process"`
	Name    string `json:"name"`
	// Whether the machine answered within 3 seconds. If not, only `total` is known, from what it said last.
	Answered bool `json:"answered"`
	Sockets
}

// Closed is the answer to DELETE /usher/sockets.
type Closed struct {
	// The number of sockets that were closed.
	Closed int `json:"closed"`
	// The number of other machines that close their matching sockets within a second.
	Nodes int `json:"nodes,omitempty"`
	// Whether the shared storage fails: other machines close their matching sockets once the storage works again.
	Alone bool `json:"alone,omitempty"`
}

// List returns one page of the sockets that match, and the totals. The sockets must be ordered by ID.
func List(all []Socket, query SocketQuery) Sockets {
	list := Sockets{Total: len(all), ByRoute: make(map[string]int), Sockets: []Socket{}}
	for i := range all {
		s := &all[i]
		if !query.Matches(s) {
			continue
		}
		list.Matching++
		list.BytesIn += s.BytesIn
		list.BytesOut += s.BytesOut
		list.ByRoute[s.Route]++
		switch {
		case s.ID <= query.After:
		case len(list.Sockets) < query.Limit:
			list.Sockets = append(list.Sockets, *s)
		case list.Next == 0:
			list.Next = list.Sockets[query.Limit-1].ID
		}
	}
	return list
}
