// Command assets measures how fast usher and its peers serve static files. The peers are nginx, Caddy's file_server and
// respond, and a minimal program on net/http. The workloads are files of 1 KB, 13 KB, 100 KB and 10 MB, a 304, and 100 KB of
// JavaScript for a client that accepts compression. The load comes from wrk over HTTP/1.1 and from h2load over HTTP/2 with TLS.
//
// The servers run alternately on one core, and the client runs on another. The result is responses for each second of the server's
// processor time, since the client may be slower than the server. For 10 MB it is responses for each second of elapsed time. Only
// ratios within one run are meaningful.
//
//	go run ./bench/assets [-seconds 2] [-rounds 2] [-only usher,nginx] [-protocol 1|2]
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

func main() {
	seconds := flag.Int("seconds", 2, "duration of each measurement")
	rounds := flag.Int("rounds", 2, "number of rounds; the best result counts")
	only := flag.String("only", "", "the servers to measure; default: all that are installed")
	protocol := flag.Int("protocol", 0, "1 for HTTP/1.1, 2 for HTTP/2 with TLS; default: both")
	flag.Parse()
	if args := flag.Args(); len(args) > 2 && args[0] == "minimal" {
		log.Fatal(serveMinimal(args[1], args[2], len(args) > 3))
	}
	dir, err := os.MkdirTemp("", "usher-bench")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	writeFiles(dir)
	peers.WriteCertificate(dir)
	servers := installed(dir)
	if *only != "" {
		servers = slices.DeleteFunc(servers, func(s server) bool { return !slices.Contains(strings.Split(*only, ","), s.Name) })
	}
	for i, client := range []client{wrk, h2load} {
		if *protocol == 0 || *protocol == i+1 {
			printTable(client, measureAll(dir, servers, client, time.Duration(*seconds)*time.Second, *rounds))
		}
	}
}

// workload is a kind of request, and a column of the table.
type workload struct {
	name        string
	path        string
	headers     []string
	conditional bool // send the entity tag of the first response
	large       bool
}

var browser = "Accept-Encoding: gzip, deflate, br, zstd"

var workloads = []workload{
	{name: "1 KB", path: "/static/1k.bin"},
	{name: "13 KB", path: "/static/13k.bin"},
	{name: "100 KB", path: "/static/100k.bin"},
	{name: "304", path: "/static/13k.bin", conditional: true},
	{name: "100 KB of JavaScript", path: script, headers: []string{browser}},
	{name: "10 MB, elapsed time", path: "/static/" + large, large: true},
}

const script = "/static/main.js"

// measureAll returns the best rate for each server and workload. The rate is 0 if it was not measured.
func measureAll(dir string, servers []server, client client, duration time.Duration, rounds int) map[string][]float64 {
	rates := make(map[string][]float64)
	for range rounds {
		for _, s := range servers {
			best := rates[s.Name]
			if best == nil {
				best = make([]float64, len(workloads))
				rates[s.Name] = best
			}
			running := s.start(dir, client)
			for i, work := range workloads {
				if s.measures(work) {
					best[i] = max(best[i], running.rate(work, duration))
				}
			}
			running.Stop()
		}
	}
	return rates
}

func printTable(client client, rates map[string][]float64) {
	fmt.Printf("\n%s; responses for each second of the server's processor time\n\n| server |", client.name)
	for _, work := range workloads {
		fmt.Printf(" %s |", work.name)
	}
	fmt.Printf("\n%s\n", strings.Repeat("|---", len(workloads)+1)+"|")
	for _, name := range names {
		row := rates[name]
		if row == nil {
			continue
		}
		fmt.Printf("| %s |", name)
		for _, rate := range row {
			if rate == 0 {
				fmt.Print(" |")
				continue
			}
			fmt.Printf(" %.0f |", rate)
		}
		fmt.Println()
	}
}
