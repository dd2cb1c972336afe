package statuspage

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/scan2food/usher/handler/caddy/overview"
	"github.com/scan2food/usher/handler/operate/history"
)

// recorders holds the one recorder of the process while a configuration has a status page. It survives reloads.
var recorders = caddy.NewUsagePool()

// recorder adds a sample to the history once a minute.
type recorder struct {
	*history.History
	version atomic.Int64 // counts the samples
	stop    chan struct{}
	done    sync.WaitGroup
}

func startRecorder() *recorder {
	r := &recorder{History: history.New(), stop: make(chan struct{})}
	r.Add(time.Now(), overview.Status()) // rejections count from here on
	r.done.Go(func() {
		ticker := time.NewTicker(history.Interval)
		defer ticker.Stop()
		for {
			select {
			case <-r.stop:
				return
			case now := <-ticker.C:
				r.Add(now, overview.Status())
				r.version.Add(1)
			}
		}
	})
	return r
}

// Destruct implements caddy.Destructor.
func (r *recorder) Destruct() error {
	close(r.stop)
	r.done.Wait()
	return nil
}
