// Command visits measures what a browser downloads on a first visit, on a second visit, and on the visit after a deploy, behind usher
// and its peers. Chromium is the judge: the bytes are those of its resource timing.
//
// It needs Node with npm, Chromium, and optionally nginx, gunicorn and WhiteNoise. It installs build tools into a temporary
// directory. It must run in the root of the module.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/scan2food/usher/bench/internal/peers"
)

// deploys is how many deploys follow the first release.
const deploys = 3

func main() {
	only := flag.String("builds", strings.Join(buildNames, ","), "the builds to measure")
	flag.Parse()
	dir, err := os.MkdirTemp("", "usher-visits")
	if err != nil {
		peers.Fatalf("%v", err)
	}
	defer os.RemoveAll(dir)
	caddy := peers.BuildCaddy(dir)
	tools := installTools(filepath.Join(dir, "tools"))
	fmt.Println("| build | server | first visit | second visit | after a deploy |")
	fmt.Println("|---|---|---|---|---|")
	for _, name := range strings.Split(*only, ",") {
		releases := tools.build(name)
		for _, server := range servers(caddy) {
			measureServer(dir, name, server, releases)
		}
	}
}

// measureServer prints one row. Each server begins with an empty directory, an empty archive and an empty browser.
func measureServer(dir, build string, s server, releases []string) {
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
	s.settle()
	browser := startBrowser()
	defer browser.stop()
	first := browser.visit(site.URL(), marker(0))
	second := browser.visit(site.URL(), marker(0))
	after := 0
	for release := 1; release <= deploys; release++ {
		publish(releases[release], root)
		s.settle()
		after += browser.visit(site.URL(), marker(release))
	}
	fmt.Printf("| %s | %s | %s | %s | %s |\n", build, s.name, kilobytes(first), kilobytes(second), kilobytes(after/deploys))
}

func kilobytes(n int) string { return fmt.Sprintf("%.1f KB", float64(n)/1000) }
