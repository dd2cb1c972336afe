package statuspage

import (
	"context"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/scan2food/usher/handler/caddy/overview"
	"github.com/scan2food/usher/handler/operate/report"
)

// shown is how many sockets the table has, of all machines together. Each machine shows 10 at least.
const shown = 200

// listed is the list of all streams, so that many open pages ask the other machines no more often than one.
var listed listing

type listing struct {
	mutex sync.Mutex
	at    time.Time
	last  report.Sockets
}

func (l *listing) list(ctx context.Context) report.Sockets {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	machines := 1
	if state := overview.Shared(); state != nil {
		machines = len(state.Nodes)
	}
	if machines > 1 && time.Since(l.at) < interval {
		return l.last
	}
	list, err := overview.ListSockets(ctx, url.Values{"limit": {strconv.Itoa(max(shown/machines, 10))}})
	if err == nil && ctx.Err() == nil {
		l.last, l.at = list, time.Now()
	}
	return list
}
