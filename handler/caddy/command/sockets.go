package command

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/operate/report"
)

func socketsCommand() *cobra.Command {
	command := askAdmin(add("sockets", "Lists the open sockets", "Lists the open sockets, oldest first. Filters are combined.", cobra.NoArgs, func(c *call) (bool, error) {
		list, err := c.list()
		if err != nil {
			return false, err
		}
		if !c.json(list) {
			c.printSockets(list, time.Now())
		}
		return true, nil
	}))
	filterFlags(command)
	command.Flags().Int("limit", report.DefaultLimit, "The most sockets to list")
	return command
}

// list returns the sockets that match, page by page.
func (c *call) list() (report.Sockets, error) {
	limit, _ := c.command.Flags().GetInt("limit")
	values := c.filters()
	values.Set("limit", strconv.Itoa(min(max(limit, 1), report.MaxLimit)))
	var all report.Sockets
	for {
		var page report.Sockets
		if err := c.admin(http.MethodGet, "sockets?"+values.Encode(), nil, &page); err != nil {
			return all, err
		}
		page.Sockets = append(all.Sockets, page.Sockets...)
		if all = page; all.Next == 0 || len(all.Sockets) >= limit {
			all.Sockets = all.Sockets[:min(len(all.Sockets), max(limit, 0))]
			return all, nil
		}
		values.Set("after", strconv.FormatUint(all.Next, 10))
	}
}

func (c *call) printSockets(list report.Sockets, now time.Time) {
	rows := [][]string{{"ID", "ROUTE", "KEY", "USER", "SESSION", "CLIENT", "HOST", "UPSTREAM", "OPEN FOR", "SILENT FOR", "IN", "OUT"}}
	for _, s := range list.Sockets {
		rows = append(rows, []string{fmt.Sprint(s.ID), s.Route, s.Key, s.User, fmt.Sprint(s.Session), s.Client, s.Host, s.Upstream, now.Sub(s.Opened).Round(time.Second).String(),
			max(now.Sub(s.Active), 0).Round(time.Second).String(), fmt.Sprint(s.BytesIn), fmt.Sprint(s.BytesOut)})
	}
	c.table(rows)
	c.printf("%d of %d matching sockets; %d open in all\n", len(list.Sockets), list.Matching, list.Total)
	if list.Elsewhere > 0 {
		c.printf("%d sockets are open on other machines, and not listed here\n", list.Elsewhere)
	}
}

func closeCommand() *cobra.Command {
	command := askAdmin(add("close", "Closes the open sockets that match the filters", "Closes the open sockets that match all filters. At least one filter is required. Clients may connect again.",
		cobra.NoArgs, func(c *call) (bool, error) {
			values := c.filters()
			if len(values) == 0 {
				return false, errors.New("no filter: use at least one of --" + strings.Join(report.FilterNames(), ", --"))
			}
			if !c.isSet("yes") {
				if agreed, err := c.confirmClose(values); err != nil || !agreed {
					return false, err
				}
			}
			for _, name := range []string{"code", "reason"} {
				if c.command.Flags().Changed(name) {
					values.Set(name, c.text(name))
				}
			}
			var closed report.Closed
			if err := c.admin(http.MethodDelete, "sockets?"+values.Encode(), nil, &closed); err != nil {
				return false, err
			}
			if !c.json(closed) {
				c.printf("closed %d sockets\n", closed.Closed)
				if closed.Nodes > 0 {
					c.printf("%d other machines close theirs within a second\n", closed.Nodes)
				}
			}
			return true, nil
		}))
	filterFlags(command)
	command.Flags().String("code", "", "The close code. Default: 1001")
	command.Flags().String("reason", "", "The reason, at most 123 bytes")
	command.Flags().BoolP("yes", "y", false, "Do not ask")
	return command
}

// confirmClose asks whether to close the sockets that match.
func (c *call) confirmClose(filters url.Values) (bool, error) {
	var list report.Sockets
	if err := c.admin(http.MethodGet, "sockets?limit=1&"+filters.Encode(), nil, &list); err != nil {
		return false, err
	}
	c.progressf("Close %d of %d sockets? [y/N] ", list.Matching, list.Total)
	answer, _ := bufio.NewReader(c.in).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	default:
		c.progressf("nothing closed\n")
		return false, nil
	}
}

func drainCommand() *cobra.Command {
	command := askAdmin(add("drain <upstream>", "Takes an upstream out of service", `Opens no new sockets to an upstream, and closes the open ones with 1012, spread over a time.
Their clients connect to another upstream. With --wait it ends when no socket is left. A drain
lasts until undrain, or until Caddy stops. Exit code 2: sockets are left after --timeout.`,
		cobra.ExactArgs(1), func(c *call) (bool, error) {
			var drained report.Drain
			body := map[string]string{"upstream": c.args[0], "over": c.duration("over").String()}
			if err := c.admin(http.MethodPost, "upstreams/drain", body, &drained); err != nil {
				return false, err
			}
			if c.isSet("wait") {
				if err := c.waitForDrain(&drained); err != nil {
					return false, err
				}
			}
			if !c.json(drained) {
				c.printf("%s is drained; %d open sockets\n", drained.Upstream, drained.Open)
			}
			return !c.isSet("wait") || drained.Open == 0, nil
		}))
	command.Flags().Duration("over", 10*time.Second, "The time over which open sockets are closed")
	command.Flags().Bool("wait", false, "Wait until no socket is left")
	command.Flags().Duration("timeout", 0, "The most time to wait. Default: the time of --over and a minute")
	return command
}

// waitForDrain waits until no socket to the upstream is open.
func (c *call) waitForDrain(drained *report.Drain) error {
	timeout := c.duration("timeout")
	if timeout <= 0 {
		timeout = c.duration("over") + time.Minute
	}
	for deadline, shown := time.Now().Add(timeout), -1; ; time.Sleep(200 * time.Millisecond) {
		var upstreams []report.Upstream
		if err := c.admin(http.MethodGet, "upstreams", nil, &upstreams); err != nil {
			return err
		}
		drained.Open = 0
		for _, u := range upstreams {
			if u.Upstream != drained.Upstream {
				continue
			}
			if drained.Open = u.Open; !u.Drained {
				return fmt.Errorf("%s is not drained any more: it was undrained, or Caddy restarted", u.Upstream)
			}
		}
		if drained.Open == 0 || time.Now().After(deadline) {
			return nil
		}
		if drained.Open != shown {
			shown = drained.Open
			c.progressf("%d sockets left\n", shown)
		}
	}
}

func undrainCommand() *cobra.Command {
	return askAdmin(add("undrain <upstream>", "Puts an upstream into service again", "Puts a drained upstream into service again: it gets new sockets.",
		cobra.ExactArgs(1), func(c *call) (bool, error) {
			var drained report.Drain
			if err := c.admin(http.MethodPost, "upstreams/undrain", map[string]string{"upstream": c.args[0]}, &drained); err != nil {
				return false, err
			}
			if !c.json(drained) {
				c.printf("%s is in service\n", drained.Upstream)
			}
			return true, nil
		}))
}
