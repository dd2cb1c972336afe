// Package history remembers the last day of a site: open sockets by route, rejections by outcome, and generations of assets. Its
// memory is bounded.
package history

import (
	"sync"
	"time"

	"github.com/scan2food/usher/handler/operate/report"
)

// Bounds of a history.
const (
	Interval = time.Minute
	Length   = 24 * 60 // samples
	// MaxSeries is the most routes, and the most outcomes, that have a series of their own. The others share one.
	MaxSeries  = 32
	maxChanges = 50
)

// Others is the name of the series of all routes beyond MaxSeries.
const Others = "others"

// Change is a new generation of a served directory.
type Change struct {
	At     time.Time `json:"at"`
	Prefix string    `json:"prefix"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	// The numbers of files before and after.
	FilesBefore int `json:"files_before"`
	FilesAfter  int `json:"files_after"`
}

// Series are the samples of the last day, oldest first.
type Series struct {
	// When each sample was taken, in Unix seconds.
	At []int64 `json:"at"`
	// Open sockets by route.
	Open map[string][]int `json:"open"`
	// Rejected handshakes since the sample before, by outcome.
	Rejected map[string][]uint64 `json:"rejected"`
	// The last generations, oldest first.
	Changes []Change `json:"changes"`
}

// History is safe for concurrent use.
type History struct {
	mutex    sync.Mutex
	at       []int64
	open     map[string][]int
	rejected map[string][]uint64
	counted  map[string]uint64 // rejections at the last sample; nil before the first
	served   map[string]report.Assets
	changes  []Change
}

// New returns an empty history.
func New() *History {
	return &History{open: make(map[string][]int), rejected: make(map[string][]uint64), served: make(map[string]report.Assets)}
}

// Add adds a sample. The caller calls it once an [Interval].
func (h *History) Add(now time.Time, status report.Status) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	open, counted := make(map[string]int), make(map[string]uint64)
	routes := make(map[string]bool)
	for _, route := range status.Routes {
		open[route.Route] += route.Open
		if routes[route.Route] {
			continue // routes of one name share their counts
		}
		routes[route.Route] = true
		for outcome, count := range route.Outcomes {
			if outcome != "accepted" {
				counted[outcome] += count
			}
		}
	}
	h.at = last(append(h.at, now.Unix()))
	addSample(h.open, open, len(h.at))
	since := make(map[string]uint64)
	for outcome, count := range counted {
		if before := h.counted[outcome]; h.counted != nil && count > before {
			since[outcome] = count - before
		}
	}
	addSample(h.rejected, since, len(h.at))
	h.counted = counted
	h.addChanges(now, status.Assets)
}

// addSample adds one sample to each series, so that all have a length. A series that would be one too many is added to Others.
func addSample[T int | uint64](series map[string][]T, sample map[string]T, length int) {
	values := make(map[string]T, len(sample))
	known := len(series)
	for name, value := range sample {
		if _, found := series[name]; !found && value == 0 {
			continue
		} else if !found && known >= MaxSeries {
			name = Others
		} else if !found {
			known++
		}
		values[name] += value
	}
	for name := range values {
		if series[name] == nil {
			series[name] = make([]T, length-1)
		}
	}
	for name, samples := range series {
		samples = last(append(samples, values[name]))
		if isZero(samples) {
			delete(series, name) // the last day had none
			continue
		}
		series[name] = samples
	}
}

func isZero[T int | uint64](samples []T) bool {
	for _, value := range samples {
		if value != 0 {
			return false
		}
	}
	return true
}

// last returns the last Length samples. It copies them only when the array has doubled, so that adding is cheap.
func last[T any](samples []T) []T {
	if len(samples) <= Length {
		return samples
	}
	samples = samples[len(samples)-Length:]
	if cap(samples) == len(samples) {
		return append(make([]T, 0, 2*Length), samples...)
	}
	return samples
}

func (h *History) addChanges(now time.Time, served []report.Assets) {
	for _, a := range served {
		key := a.Prefix + "\n" + a.Root
		before, known := h.served[key]
		if known && a.Ready && before.Generation != a.Generation {
			h.changes = append(h.changes, Change{now, a.Prefix, before.Generation, a.Generation, files(before), files(a)})
			h.changes = h.changes[max(len(h.changes)-maxChanges, 0):]
		}
		if a.Ready && (known || len(h.served) < MaxSeries) {
			h.served[key] = a
		}
	}
}

func files(a report.Assets) (count int) {
	for _, class := range a.Classes {
		count += class.Files
	}
	return count
}

// Series returns a copy of the samples.
func (h *History) Series() Series {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	series := Series{
		At: append([]int64{}, h.at...), Open: make(map[string][]int), Rejected: make(map[string][]uint64),
		Changes: append([]Change{}, h.changes...),
	}
	for name, samples := range h.open {
		series.Open[name] = append([]int{}, samples...)
	}
	for name, samples := range h.rejected {
		series.Rejected[name] = append([]uint64{}, samples...)
	}
	return series
}
