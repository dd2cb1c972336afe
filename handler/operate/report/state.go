package report

import (
	"fmt"
	"time"
)

// Route is one route of a gate.
type Route struct {
	// The hosts of the gate's site. Empty for a site of every host.
	Hosts []string `json:"hosts"`
	// The name and the paths of the route.
	Route string   `json:"route"`
	Paths []string `json:"paths"`
	// The number of open sockets, and the most that `max_open` allows. 0 means no limit.
	Open    int `json:"open"`
	MaxOpen int `json:"max_open,omitempty"`
	// The number of sockets of other machines that count for `max_open`.
	OpenElsewhere int `json:"open_elsewhere,omitempty"`
	// Handshakes by outcome since the process started. Routes of one name share their counts. Outcomes that never occurred are left out.
	Outcomes map[string]uint64 `json:"outcomes"`
	// When a handshake was last accepted. Absent before the first.
	LastAccepted time.Time `json:"last_accepted,omitzero"`
	// Whether the route has an outage: handshakes are rejected and none is accepted.
	Dark bool `json:"dark"`
	// Whether the route has tickets.
	Tickets bool `json:"tickets"`
}

// IsFull reports whether max_open is reached.
func (r *Route) IsFull() bool { return r.MaxOpen > 0 && r.Open+r.OpenElsewhere >= r.MaxOpen }

// Key is one key of a route. Its value is never reported.
type Key struct {
	Hosts []string `json:"hosts"`
	Route string   `json:"route"`
	// The label of the key.
	Key string `json:"key"`
	// The validity of the key. Absent means no limit.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Whether the key is valid now.
	Valid bool `json:"valid"`
	// When the key was last accepted by this process. Absent before the first time.
	LastUse time.Time `json:"last_use,omitzero"`
	// The number of open sockets that the key opened.
	Open int `json:"open"`
}

// KeysFile is one keys file of a route.
type KeysFile struct {
	Hosts []string `json:"hosts"`
	Route string   `json:"route"`
	Path  string   `json:"path"`
	// Whether the file is valid. While it is not, the previous keys stay in force.
	Good bool `json:"good"`
	// The number of keys in force from the file.
	Keys int `json:"keys"`
}

// Keys is the answer to GET /usher/keys.
type Keys struct {
	Keys  []Key      `json:"keys"`
	Files []KeysFile `json:"files"`
}

// Upstream is one address of the application.
type Upstream struct {
	// The address, such as `127.0.0.1:8001` or `unix//run/app.sock`.
	Upstream string `json:"upstream"`
	// Whether the last handshake reached the upstream, and since when that is so. Absent if it never changed.
	Up    bool      `json:"up"`
	Since time.Time `json:"since,omitzero"`
	// The number of open sockets to the upstream.
	Open int `json:"open"`
	// The number of handshakes that could not reach the upstream, since the process started.
	Failures int64 `json:"failures"`
	// Whether the upstream is drained, and since when: it gets no new sockets.
	Drained      bool      `json:"drained"`
	DrainedSince time.Time `json:"drained_since,omitzero"`
}

// Drain is the answer to POST /usher/upstreams/drain and undrain.
type Drain struct {
	Upstream string `json:"upstream"`
	Drained  bool   `json:"drained"`
	// The number of open sockets to the upstream at that moment.
	Open int `json:"open"`
}

// Class is the number of files of one class and their bytes.
type Class struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Assets is one served directory.
type Assets struct {
	// The hosts of the site. Empty for a site of every host.
	Hosts []string `json:"hosts"`
	// The URL prefix and the directory.
	Prefix string `json:"prefix"`
	Root   string `json:"root"`
	// Whether the directory has been read.
	Ready bool `json:"ready"`
	// The current generation, and when it was published.
	Generation string    `json:"generation"`
	Published  time.Time `json:"published,omitzero"`
	// The files by cache class: `immutable` for names with evidence, `versioned` for files that are immutable under the
	// version in their query, `page` and `manifest` for files that are always revalidated.
	Classes map[string]Class `json:"classes"`
	// The bytes of contents in memory.
	MemoryBytes int64 `json:"memory_bytes"`
	// The versions in the archive and their bytes on disk.
	Kept Class `json:"kept"`
	// The deltas of the directory. Absent without the option `deltas`.
	Deltas *Deltas `json:"deltas,omitempty"`
	// The number of stale versions found since the process started, in the query and in file names.
	StaleInQuery uint64 `json:"stale_in_query"`
	StaleInName  uint64 `json:"stale_in_name"`
	// The versions that are stale now, the newest first, at most 20, and the number of all.
	Stale      []StaleVersion `json:"stale"`
	StaleTotal int            `json:"stale_total"`
	// The assets that scripts request without a version, at most 20, and the number of all. Only with `stamp`, and without
	// `stamp js`, which gives them versions.
	Unversioned      []UnversionedChild `json:"unversioned"`
	UnversionedTotal int                `json:"unversioned_total"`
	// Why files are not served, by path. At most 20.
	Problems map[string]string `json:"problems,omitempty"`
}

// StaleVersion is a version that stayed in use after the content of the file changed.
type StaleVersion struct {
	// The URL path of the file, with the version if it is in the query.
	URL string `json:"url"`
	// The version. Empty if it is part of the file's name.
	Version string `json:"version,omitempty"`
	// The path of the page that requested the version. Empty if unknown.
	Page string `json:"page,omitempty"`
	// When the version was found stale.
	Since time.Time `json:"since"`
	// For a version in the file's name: how it is known to be of other content.
	Why string `json:"why,omitempty"`
}

// UnversionedChild is an asset that a script requests without a version.
type UnversionedChild struct {
	// The URL paths of the script and of the asset.
	Script string `json:"script"`
	Asset  string `json:"asset"`
	// What the script does: it `starts` a worker, `imports` a module, or `loads` another file.
	How string `json:"how"`
}

// Deltas are the deltas of one served directory.
type Deltas struct {
	// Responses that were a delta, and the bytes that these saved, since the process started. Prefixes of one name share their counts.
	Responses  uint64 `json:"responses"`
	SavedBytes uint64 `json:"saved_bytes"`
	// Responses that sent the whole file to a client that offered a dictionary.
	Misses uint64 `json:"misses"`
	// The deltas in memory and their bytes. More may be in the archive.
	Held Class `json:"held"`
}

// HitRatio is the percentage of deltas among the responses to clients that offered a dictionary. It is "" before the first.
func (d *Deltas) HitRatio() string {
	if d.Responses+d.Misses == 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", 100*d.Responses/(d.Responses+d.Misses))
}

// Delta is a delta to a file.
type Delta struct {
	// The version that the client holds, as in `?v=`.
	From string `json:"from"`
	// The size of the delta and of the best full coding, in bytes.
	Bytes     int64 `json:"bytes"`
	InsteadOf int64 `json:"instead_of"`
}

// Explanation is the answer to GET and POST /usher/explain.
type Explanation struct {
	// What decided: `gate`, `assets` or `none`.
	By string `json:"by"`
	// The hosts of the site that decided.
	Hosts []string `json:"hosts,omitempty"`
	// For a gate: the route, the outcome, the label of the key, and the close code with `reject close`.
	Route     string `json:"route,omitempty"`
	Outcome   string `json:"outcome,omitempty"`
	Key       string `json:"key,omitempty"`
	CloseCode uint16 `json:"close_code,omitempty"`
	// For assets: the prefix, the file, the generation and the evidence.
	Prefix     string `json:"prefix,omitempty"`
	File       string `json:"file,omitempty"`
	Generation string `json:"generation,omitempty"`
	Evidence   string `json:"evidence,omitempty"`
	// The deltas that clients with an earlier version get. Deltas that no client has requested yet are missing.
	Deltas []Delta `json:"deltas,omitempty"`
	// The status and the Cache-Control of the response.
	Status       int    `json:"status,omitempty"`
	CacheControl string `json:"cache_control,omitempty"`
	// One sentence on the reason.
	Why string `json:"why"`
	// What stands before the decision and was not evaluated: matchers, which were assumed to match, and handlers that may answer
	// first. Absent if the decision is certain.
	NotEvaluated []string `json:"not_evaluated,omitempty"`
}

// Rescan is one directory of the answer to POST /usher/rescan.
type Rescan struct {
	Prefix string `json:"prefix"`
	Root   string `json:"root"`
	// The generation before and after. They differ if the new content is published already; changes are published once the
	// directory has been quiet for `settle`.
	Before string `json:"before"`
	After  string `json:"after"`
}

// Purged is the answer to DELETE /usher/kept.
type Purged struct {
	// The number of versions that were removed from the archive, and their compressed forms.
	Versions   int `json:"versions"`
	Compressed int `json:"compressed"`
}

// Readiness is the answer to GET /usher/ready and GET /usher/live.
type Readiness struct {
	// Whether everything is in order. The status is 200 if so, else 503.
	OK bool `json:"ok"`
	// What is not in order, one sentence each.
	Problems []string `json:"problems"`
}

// Status is the answer to GET /usher/status.
type Status struct {
	Ready Readiness `json:"ready"`
	// The machines that share, absent if this one shares nothing. All else is about this machine.
	Shared    *Shared    `json:"shared,omitempty"`
	Sockets   int        `json:"sockets"`
	Routes    []Route    `json:"routes"`
	Keys      []Key      `json:"keys"`
	KeysFiles []KeysFile `json:"keys_files"`
	Upstreams []Upstream `json:"upstreams"`
	Assets    []Assets   `json:"assets"`
}
