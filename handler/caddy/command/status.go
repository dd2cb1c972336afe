package command

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/caddy/lifecycle"
	"github.com/scan2food/usher/handler/operate/report"
)

// table prints rows in columns.
func (c *call) table(rows [][]string) {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = fmt.Fprint(w, "\t")
			}
			_, _ = fmt.Fprint(w, printable(cell))
		}
		_, _ = fmt.Fprintln(w)
	}
	_ = w.Flush()
}

// printable replaces what a terminal may take for a command. Clients choose some of the texts.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// emphasis marks a text on a terminal, so that its meaning does not depend on the colour.
func emphasis(w io.Writer, text string) string {
	if !isTerminal(w) {
		return text
	}
	return "\x1b[1;31m" + text + "\x1b[0m"
}

func age(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Round(time.Second).String() + " ago"
}

func siteName(hosts []string) string {
	if len(hosts) == 0 {
		return "*"
	}
	return strings.Join(hosts, ",")
}

func statusCommand() *cobra.Command {
	return askAdmin(add("status", "Shows routes, upstreams and assets, and what is not in order",
		"Shows routes, upstreams and assets, and what is not in order. Exit code 2: Caddy is not ready, a route is dark, or an upstream is down.",
		cobra.NoArgs, func(c *call) (bool, error) {
			var status report.Status
			if err := c.admin(http.MethodGet, "status", nil, &status); err != nil {
				return false, err
			}
			dark := slices.ContainsFunc(status.Routes, func(r report.Route) bool { return r.Dark })
			down := slices.ContainsFunc(status.Upstreams, func(u report.Upstream) bool { return !u.Up && !u.Drained })
			if !c.json(status) {
				c.printStatus(status, time.Now())
			}
			return status.Ready.OK && !dark && !down, nil
		}))
}

func (c *call) printStatus(status report.Status, now time.Time) {
	for _, problem := range status.Ready.Problems {
		c.printf("%s %s\n", emphasis(c.out, "NOT READY"), problem)
	}
	c.printf("open sockets: %d\n", status.Sockets)
	c.printShared(status.Shared, now)
	rows := [][]string{{"ROUTE", "SITE", "OPEN", "LAST ACCEPTED", "ACCEPTED", "REJECTED", ""}}
	for _, r := range status.Routes {
		var rejected uint64
		for outcome, count := range r.Outcomes {
			if outcome != "accepted" {
				rejected += count
			}
		}
		mark := ""
		switch {
		case r.Dark:
			mark = "DARK"
		case r.IsFull():
			mark = "FULL"
		}
		rows = append(rows, []string{r.Route, siteName(r.Hosts), openText(&r), age(r.LastAccepted, now),
			fmt.Sprint(r.Outcomes["accepted"]), fmt.Sprint(rejected), mark})
	}
	c.table(rows)
	rows = [][]string{{"UPSTREAM", "STATE", "SINCE", "OPEN", "FAILURES"}}
	for _, u := range status.Upstreams {
		state, since := "up", u.Since
		switch {
		case u.Drained:
			state, since = "drained", u.DrainedSince
		case !u.Up:
			state = "DOWN"
		}
		rows = append(rows, []string{u.Upstream, state, age(since, now), fmt.Sprint(u.Open), fmt.Sprint(u.Failures)})
	}
	if len(rows) > 1 {
		c.table(rows)
	}
	c.printAssets(status.Assets, now)
}

// openText returns the open sockets of a route and its limit, with the sockets of other machines that count for it.
func openText(r *report.Route) string {
	switch {
	case r.MaxOpen == 0:
		return fmt.Sprint(r.Open)
	case r.OpenElsewhere == 0:
		return fmt.Sprintf("%d of %d", r.Open, r.MaxOpen)
	default:
		return fmt.Sprintf("%d + %d elsewhere of %d", r.Open, r.OpenElsewhere, r.MaxOpen)
	}
}

func (c *call) printShared(shared *report.Shared, now time.Time) {
	if shared == nil {
		return
	}
	if !shared.OK {
		c.printf("%s shared storage fails; limits count this machine alone\n", emphasis(c.out, "NOT SHARED"))
	}
	rows := [][]string{{"MACHINE", "PROCESS", "STARTED", "OPEN", "GENERATIONS"}}
	for _, n := range shared.Nodes {
		name := n.Name
		if n.This {
			name += " (this)"
		}
		var generations []string
		for _, prefix := range slices.Sorted(maps.Keys(n.Generations)) {
			generations = append(generations, prefix+" "+n.Generations[prefix])
		}
		rows = append(rows, []string{name, n.ID, age(n.Started, now), fmt.Sprint(n.Sockets), strings.Join(generations, ", ")})
	}
	c.table(rows)
}

func (c *call) printAssets(served []report.Assets, now time.Time) {
	if len(served) == 0 {
		return
	}
	rows := [][]string{{"ASSETS", "SITE", "GENERATION", "PUBLISHED", "IMMUTABLE", "VERSIONED", "PAGES", "KEPT", "STALE VERSIONS", "DELTAS", "HITS", "SAVED"}}
	for _, a := range served {
		sent, hits, saved := "off", "", ""
		if a.Deltas != nil {
			sent, hits, saved = fmt.Sprint(a.Deltas.Responses), a.Deltas.HitRatio(), humanize.IBytes(a.Deltas.SavedBytes)
		}
		rows = append(rows, []string{a.Prefix, siteName(a.Hosts), a.Generation, age(a.Published, now), fmt.Sprint(a.Classes["immutable"].Files),
			fmt.Sprint(a.Classes["versioned"].Files), fmt.Sprint(a.Classes["page"].Files), fmt.Sprint(a.Kept.Files), fmt.Sprint(a.StaleInQuery + a.StaleInName),
			sent, hits, saved})
	}
	c.table(rows)
	for _, a := range served {
		for _, path := range slices.Sorted(maps.Keys(a.Problems)) {
			c.printf("%s\n", printable(a.Prefix+path+": "+a.Problems[path]))
		}
	}
}

// printStale lists the stale versions and the unversioned children.
func (c *call) printStale(served []report.Assets, now time.Time) {
	rows := [][]string{{"STALE VERSION", "PAGE", "FOUND", "WHY"}}
	children := [][]string{{"UNVERSIONED ASSET", "SCRIPT", "THE SCRIPT"}}
	var moreStale, moreChildren int
	for _, a := range served {
		for _, stale := range a.Stale {
			why := stale.Why
			if why == "" {
				why = "the file changed, the version did not"
			}
			rows = append(rows, []string{stale.URL, stale.Page, age(stale.Since, now), why})
		}
		for _, child := range a.Unversioned {
			children = append(children, []string{child.Asset, child.Script, child.How + " it"})
		}
		moreStale += a.StaleTotal - len(a.Stale)
		moreChildren += a.UnversionedTotal - len(a.Unversioned)
	}
	c.bounded(rows, moreStale)
	c.bounded(children, moreChildren)
}

// bounded prints a table that has rows, and the number of rows that were left out.
func (c *call) bounded(rows [][]string, more int) {
	if len(rows) == 1 {
		return
	}
	c.table(rows)
	if more > 0 {
		c.printf("%d more\n", more)
	}
}

func assetsCommand() *cobra.Command {
	command := askAdmin(add("assets", "Shows the served directories",
		"Shows the served directories: generation, files by cache class, archive, stale versions, and assets that scripts request without a version.",
		cobra.NoArgs, func(c *call) (bool, error) {
			if c.isSet("rescan") {
				var rescans []report.Rescan
				if err := c.admin(http.MethodPost, "rescan", nil, &rescans); err != nil {
					return false, err
				}
			}
			served := []report.Assets{}
			if err := c.admin(http.MethodGet, "assets", nil, &served); err != nil {
				return false, err
			}
			if !c.json(served) {
				c.printAssets(served, time.Now())
				c.printStale(served, time.Now())
			}
			return true, nil
		}))
	command.Flags().Bool("rescan", false, "Read the directories again first")
	return command
}

func purgeCommand() *cobra.Command {
	return askAdmin(add("purge <url>", "Removes all earlier versions of a file from the archive",
		"Removes all earlier versions of the file of a URL from the archive, and their compressed forms. The current file stays in service.\nBrowsers keep what they have.",
		cobra.ExactArgs(1), func(c *call) (bool, error) {
			var purged report.Purged
			if err := c.admin(http.MethodDelete, "kept?url="+url.QueryEscape(c.args[0]), nil, &purged); err != nil {
				return false, err
			}
			if !c.json(purged) {
				c.printf("purged %d versions and %d compressed forms\n", purged.Versions, purged.Compressed)
			}
			return true, nil
		}))
}

func explainCommand() *cobra.Command {
	command := askAdmin(add("explain <url>", "Says how a URL would be answered, and why",
		"Says how a URL is answered, and why. It follows the request through the routes of the running configuration, to the gate or the\nassets that decide. The answer names what it did not evaluate. The URL may hold a key; no log shows it. Exit code 2: the request\nwould be rejected.",
		cobra.ExactArgs(1), func(c *call) (bool, error) {
			var e report.Explanation
			question := map[string]string{"url": c.args[0], "origin": c.text("origin"), "client": c.text("client")}
			if err := c.admin(http.MethodPost, "explain", question, &e); err != nil {
				return false, err
			}
			if !c.json(e) {
				c.printExplanation(e)
			}
			return e.Status < http.StatusBadRequest, nil
		}))
	command.Flags().String("origin", "", "The Origin of the request")
	command.Flags().String("client", "", "The client's IP address")
	return command
}

func (c *call) printExplanation(e report.Explanation) {
	var rows [][]string
	for _, row := range [][2]string{
		{"by", e.By}, {"site", strings.Join(e.Hosts, ",")}, {"route", e.Route}, {"outcome", e.Outcome}, {"key", e.Key}, {"prefix", e.Prefix},
		{"file", e.File}, {"generation", e.Generation}, {"evidence", e.Evidence}, {"cache-control", e.CacheControl},
	} {
		if row[1] != "" {
			rows = append(rows, row[:])
		}
	}
	for _, d := range e.Deltas {
		rows = append(rows, []string{"delta", fmt.Sprintf("%d bytes from version %s, instead of %d", d.Bytes, d.From, d.InsteadOf)})
	}
	if e.Status != 0 {
		rows = append(rows, []string{"status", fmt.Sprint(e.Status)})
	}
	if e.CloseCode != 0 && e.Outcome != "accepted" {
		rows = append(rows, []string{"close code", fmt.Sprint(e.CloseCode)})
	}
	rows = append(rows, []string{"why", e.Why})
	for _, text := range e.NotEvaluated {
		rows = append(rows, []string{"not evaluated", text})
	}
	c.table(rows)
}

func versionCommand() *cobra.Command {
	return add("version", "Shows the versions of usher and Caddy", "", cobra.NoArgs, func(c *call) (bool, error) {
		versions := map[string]string{"usher": lifecycle.Version()}
		versions["caddy"], _ = caddy.Version()
		if !c.json(versions) {
			c.printf("usher %s\ncaddy %s\n", versions["usher"], versions["caddy"])
		}
		return true, nil
	})
}
