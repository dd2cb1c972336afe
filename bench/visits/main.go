// Command visits measures what a browser downloads on a first visit, on a second visit, and on the visit after a deploy, behind usher
// and its peers. Chromium is the judge: the bytes are those of its resource timing, for scripts and stylesheets.
//
// It needs Node with npm, Django, Chromium, and optionally nginx, gunicorn and WhiteNoise. It installs build tools into a temporary
// directory. It must run in the root of the module. Progress goes to standard error.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

func main() {
	only := flag.String("builds", "", "the builds to measure; default: all")
	quick := flag.Bool("quick", false, "measure one deploy instead of three")
	limit := flag.Duration("limit", 30*time.Minute, "the longest that all of it may take")
	flag.Parse()
	deploys := 3
	if *quick {
		deploys = 1
	}
	time.AfterFunc(*limit, func() { peers.Fatalf("not done after %s", *limit) })
	dir, err := os.MkdirTemp("", "usher-visits")
	if err != nil {
		peers.Fatalf("%v", err)
	}
	defer os.RemoveAll(dir)
	started := time.Now()
	log.Print("building usher")
	caddy := peers.BuildCaddy(dir)
	log.Print("installing build tools")
	tools := installTools(filepath.Join(dir, "tools"))
	chosen := choose(*only)
	columns := make([][]visits, len(chosen)) // by server
	for i, b := range chosen {
		log.Printf("%s: building %d releases", b.name, deploys+1)
		releases := tools.releases(b, deploys)
		for _, server := range servers(caddy, b) {
			measured := measureServer(dir, server, releases)
			log.Printf("%s: %s: %+v", b.name, server.name, measured)
			columns[i] = append(columns[i], measured)
		}
	}
	printTable("Bytes of a first visit", caddy, chosen, columns, func(v visits) int { return v.first })
	printTable("Bytes of a second visit", caddy, chosen, columns, func(v visits) int { return v.second })
	printTable("Bytes of the visit after a deploy", caddy, chosen, columns, func(v visits) int { return v.after })
	log.Printf("done in %s", time.Since(started).Round(time.Second))
}

func choose(only string) (chosen []build) {
	if only == "" {
		return builds
	}
	for name := range strings.SplitSeq(only, ",") {
		at := slices.IndexFunc(builds, func(b build) bool { return b.name == name })
		if at < 0 {
			peers.Fatalf("-builds: unknown build %q", name)
		}
		chosen = append(chosen, builds[at])
	}
	return chosen
}

// visits is the bytes that the browser downloaded on each visit. After is the average over the deploys.
type visits struct{ first, second, after int }

// measureServer visits a site. Each server begins with an empty directory, an empty archive and an empty browser.
func measureServer(dir string, s server, releases []string) (measured visits) {
	home, err := os.MkdirTemp(dir, "site")
	if err != nil {
		peers.Fatalf("%v", err)
	}
	root := filepath.Join(home, "root")
	publish(releases[0], root)
	site := peers.Site{Dir: home, Port: peers.FreePort()}
	process := peers.Start(s.name, s.command(site, root))
	defer process.Stop()
	process.WaitForListener("tcp", site.Address())
	browser := startBrowser()
	defer browser.stop()
	s.waitUntilServed(process, site, releases[0])
	measured.first = browser.visit(site.URL(), marker(0))
	measured.second = browser.visit(site.URL(), marker(0))
	deploys := releases[1:]
	for i, release := range deploys {
		time.Sleep(time.Second) // WhiteNoise answers 304 to a page that was changed within a second
		publish(release, root)
		s.waitUntilServed(process, site, release)
		measured.after += browser.visit(site.URL(), marker(i+1))
	}
	measured.after /= len(deploys)
	return measured
}

func printTable(title, caddy string, chosen []build, columns [][]visits, of func(visits) int) {
	fmt.Printf("\n%s\n\n| server |", title)
	for _, b := range chosen {
		fmt.Printf(" %s |", b.title)
	}
	fmt.Printf("\n|---|%s\n", strings.Repeat("---|", len(chosen)))
	for row, server := range servers(caddy, chosen[0]) {
		fmt.Printf("| %s |", server.name)
		for _, column := range columns {
			fmt.Printf(" %s |", kilobytes(of(column[row])))
		}
		fmt.Println()
	}
}

func kilobytes(n int) string { return fmt.Sprintf("%.2f KB", float64(n)/1000) }
