// Command assets measures static files served by usher, nginx, Caddy's own file_server and respond, and by the least program on
// net/http, on which Caddy stands, in one run: files of 1 KB, 13 KB, 100 KB and 10 MB, a 304, and 100 KB of JavaScript to a
// client that takes compressed answers; over HTTP/1.1 by wrk, and over HTTP/2 with TLS by h2load. The servers run in turn on one
// core, the client on another. What is counted is answers a second of the server's own processor time: the client may well be the
// slower. Those of 10 MB are counted by the clock. Only the ratios mean anything.
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
	seconds := flag.Int("seconds", 2, "how long each server is asked for each file")
	rounds := flag.Int("rounds", 2, "how often everything is measured; the best counts")
	only := flag.String("only", "", "the servers to measure; default: all that are installed")
	protocol := flag.Int("protocol", 0, "1 for HTTP/1.1 alone, 2 for HTTP/2 with TLS alone; default: both")
	flag.Parse()
	if words := flag.Args(); len(words) > 2 && words[0] == "minimal" {
		log.Fatal(serveMinimal(words[1], words[2], len(words) > 3))
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

// workload is one column: what is asked for.
type workload struct {
	name        string
	path        string
	headers     []string
	conditional bool // ask with the entity tag of the first answer
	large       bool
}

var browser = "Accept-Encoding: gzip, deflate, br, zstd"

var workloads = []workload{
	{name: "1 KB", path: "/static/1k.bin"},
	{name: "13 KB", path: "/static/13k.bin"},
	{name: "100 KB", path: "/static/100k.bin"},
	{name: "304", path: "/static/13k.bin", conditional: true},
	{name: "100 KB of JavaScript", path: script, headers: []string{browser}},
	{name: "10 MB, by the clock", path: "/static/" + large, large: true},
}

const script = "/static/main.js"

// measureAll returns the best rate of each server and workload; 0 is one that was not measured.
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
	fmt.Printf("\n%s; answers a second of the server's processor time\n\n| server |", client.name)
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
