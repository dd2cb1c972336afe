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

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/scan2food/usher/handler/operate/report"
)

func socketsCommand() *cobra.Command {
	command := askAdmin(add("sockets", "Lists the open sockets", "Lists the open sockets of all machines, oldest first. Filters are combined.", cobra.NoArgs, func(c *call) (bool, error) {
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

// list returns the sockets that match, page by page, those of this machine first.
func (c *call) list() (report.Sockets, error) {
	left, _ := c.command.Flags().GetInt("limit")
	if left < 1 {
		return report.Sockets{}, fmt.Errorf("--limit: want a number from 1, got %d", left)
	}
	values, err := c.filters()
	if err != nil {
		return report.Sockets{}, err
	}
	values.Set("limit", strconv.Itoa(min(left, report.MaxLimit)))
	fetch := func() (list report.Sockets, err error) {
		return list, c.admin(http.MethodGet, "sockets?"+values.Encode(), nil, &list)
	}
	all, err := fetch()
	if err != nil {
		return all, err
	}
	// without the filter `process`, a further page is one of this machine
	if err := fill(&all, &left, values, fetch); err != nil {
		return all, err
	}
	for i := range all.Machines {
		m := &all.Machines[i]
		values.Set("process", m.Process)
		err := fill(&m.Sockets, &left, values, func() (report.Sockets, error) {
			page, err := fetch()
			if err != nil || len(page.Machines) == 0 {
				return report.Sockets{}, err // the machine has left
			}
			return page.Machines[0].Sockets, nil
		})
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// fill adds further pages to a page until no socket is left to list.
func fill(list *report.Sockets, left *int, values url.Values, fetch func() (report.Sockets, error)) error {
	for list.Next != 0 && len(list.Sockets) < *left {
		values.Set("after", strconv.FormatUint(list.Next, 10))
		page, err := fetch()
		if err != nil {
			return err
		}
		list.Sockets, list.Next = append(list.Sockets, page.Sockets...), page.Next
	}
	values.Del("after")
	list.Sockets = list.Sockets[:min(len(list.Sockets), *left)]
	*left -= len(list.Sockets)
	return nil
}

func (c *call) printSockets(list report.Sockets, now time.Time) {
	head := []string{"ID", "ROUTE", "KEY", "USER", "SESSION", "CLIENT", "HOST", "UPSTREAM", "OPEN FOR", "SILENT FOR", "IN", "OUT"}
	sockets := list.Sockets
	for _, m := range list.Machines {
		sockets = append(sockets, m.Sockets.Sockets...)
	}
	shared := len(list.Machines) > 0 || len(sockets) > 0 && sockets[0].Process != ""
	if shared {
		head = append(head, "PROCESS")
	}
	rows := [][]string{head}
	for _, s := range sockets {
		row := []string{fmt.Sprint(s.ID), s.Route, s.Key, s.User, fmt.Sprint(s.Session), s.Client, s.Host, s.Upstream, now.Sub(s.Opened).Round(time.Second).String(),
			max(now.Sub(s.Active), 0).Round(time.Second).String(), fmt.Sprint(s.BytesIn), fmt.Sprint(s.BytesOut)}
		if shared {
			row = append(row, s.Process)
		}
		rows = append(rows, row)
	}
	c.table(rows)
	matching, total, silent := sum(list)
	c.printf("%d of %d matching sockets; %d open in all\n", len(sockets), matching, total)
	c.printSilent(silent)
	if list.Alone {
		c.progressf("the shared storage fails: sockets of other machines are not listed\n")
	}
}

// sum adds up the sockets of all machines. silent are the machines that did not answer.
func sum(list report.Sockets) (matching, total int, silent []report.MachineSockets) {
	matching, total = list.Matching, list.Total
	for _, m := range list.Machines {
		matching, total = matching+m.Matching, total+m.Total
		if !m.Answered {
			silent = append(silent, m)
		}
	}
	return matching, total, silent
}

func (c *call) printSilent(silent []report.MachineSockets) {
	for _, m := range silent {
		c.progressf("machine %s (process %s) did not answer: its %d sockets are not listed\n", printable(m.Name), m.Process, m.Total)
	}
}

func closeCommand() *cobra.Command {
	command := askAdmin(add("close", "Closes the open sockets that match the filters", "Closes the open sockets that match all filters. At least one filter is required. Clients may connect again.",
		cobra.NoArgs, func(c *call) (bool, error) {
			values, err := c.filters()
			if err != nil {
				return false, err
			}
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
				c.printf("closed %s\n", english.Plural(closed.Closed, "socket", ""))
				if closed.Alone {
					c.progressf("the shared storage fails: other machines close theirs once it works again\n")
				} else if closed.Nodes > 0 {
					c.printf("%s will close matching sockets within a second\n", english.Plural(closed.Nodes, "other machine", ""))
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
	matching, total, silent := sum(list)
	c.printSilent(silent)
	c.progressf("Close %d of %d sockets? [y/N] ", matching, total)
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
