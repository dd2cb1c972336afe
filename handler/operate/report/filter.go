package report

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matcher reports whether a socket matches the value of one filter.
type matcher func(*Socket) bool

// filters are the filters of sockets by name. A filter of another field is one entry.
var filters = map[string]func(value string) (matcher, error){
	"id":       filterNumber(func(s *Socket) uint64 { return s.ID }),
	"session":  filterNumber(func(s *Socket) uint64 { return s.Session }),
	"user":     equals(func(s *Socket) string { return s.User }),
	"route":    equals(func(s *Socket) string { return s.Route }),
	"key":      equals(func(s *Socket) string { return s.Key }),
	"host":     filterHost,
	"client":   filterClient,
	"process":  equals(func(s *Socket) string { return s.Process }),
	"upstream": equals(func(s *Socket) string { return s.Upstream }),
}

// FilterNames returns the names of the filters, sorted.
func FilterNames() []string { return slices.Sorted(maps.Keys(filters)) }

func equals(field func(*Socket) string) func(string) (matcher, error) {
	return func(value string) (matcher, error) {
		return func(s *Socket) bool { return field(s) == value }, nil
	}
}

func filterNumber(field func(*Socket) uint64) func(string) (matcher, error) {
	return func(value string) (matcher, error) {
		number, err := strconv.ParseUint(value, 10, 64)
		if err != nil || number == 0 { // the zero is that of all sockets without a session
			return nil, fmt.Errorf("want a number from the list of sockets, got %q", clip(value))
		}
		return func(s *Socket) bool { return field(s) == number }, nil
	}
}

// filterHost compares the host with or without its port.
func filterHost(value string) (matcher, error) {
	return func(s *Socket) bool {
		name, _, err := net.SplitHostPort(s.Host)
		return strings.EqualFold(s.Host, value) || err == nil && strings.EqualFold(name, value)
	}, nil
}

func filterClient(value string) (matcher, error) {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		address, err := netip.ParseAddr(value)
		if err != nil {
			return nil, fmt.Errorf("want an address or a network such as 192.0.2.0/24, got %q", clip(value))
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	return func(s *Socket) bool {
		address, err := netip.ParseAddr(s.Client)
		return err == nil && prefix.Contains(address.Unmap().WithZone(""))
	}, nil
}

// clip shortens a value for an error message.
func clip(value string) string {
	const most = 40
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "..."
}

// Limits of a page of sockets.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// SocketQuery selects sockets.
type SocketQuery struct {
	matchers []matcher
	// After is the ID after which the page begins, and Limit the most sockets of the page.
	After uint64
	Limit int
}

// Filtered reports whether the query has a filter.
func (q SocketQuery) Filtered() bool { return len(q.matchers) > 0 }

// Matches reports whether a socket matches all filters.
func (q SocketQuery) Matches(s *Socket) bool {
	for _, matches := range q.matchers {
		if !matches(s) {
			return false
		}
	}
	return true
}

// ParseSocketQuery reads the filters, `after` and `limit`. All other parameters are an error, but for those of others.
func ParseSocketQuery(values url.Values, others ...string) (SocketQuery, error) {
	query := SocketQuery{Limit: DefaultLimit}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) != 1 {
			return query, fmt.Errorf("%s: want one value, got %d", clip(name), len(values[name]))
		}
		if slices.Contains(others, name) {
			continue
		}
		if err := query.set(name, values[name][0]); err != nil {
			return query, fmt.Errorf("%s: %w", clip(name), err)
		}
	}
	return query, nil
}

func (q *SocketQuery) set(name, value string) (err error) {
	switch name {
	case "after":
		if q.After, err = strconv.ParseUint(value, 10, 64); err != nil {
			return fmt.Errorf("want the number of a socket, got %q", clip(value))
		}
		return nil
	case "limit":
		if q.Limit, err = strconv.Atoi(value); err != nil || q.Limit < 1 || q.Limit > MaxLimit {
			return fmt.Errorf("want a number from 1 to %d, got %q", MaxLimit, clip(value))
		}
		return nil
	}
	parse := filters[name]
	if parse == nil {
		return fmt.Errorf("unknown filter: use %s", strings.Join(FilterNames(), ", "))
	}
	if value == "" {
		return errors.New("empty: write a value, or leave the filter out") // it would match all sockets without a value
	}
	matches, err := parse(value)
	if err != nil {
		return err
	}
	q.matchers = append(q.matchers, matches)
	return nil
}

// ConcernsOthers reports whether sockets of other processes may match the filters. The numbers of sockets and sessions are
// those of one process. self is the ID of this process.
func ConcernsOthers(filters url.Values, self string) bool {
	if filters.Has("process") {
		return filters.Get("process") != self
	}
	return !filters.Has("id") && !filters.Has("session") && !filters.Has("after")
}

// MaxReason is the most bytes of the reason of a Close frame (RFC 6455, 5.5.1).
const MaxReason = 123

// ParseClose reads the close code and the reason. The defaults are 1001 and a reason that names the operator.
func ParseClose(values url.Values) (code uint16, reason string, err error) {
	code, reason = 1001, "closed by the operator"
	if values.Has("code") {
		number, err := strconv.ParseUint(values.Get("code"), 10, 16)
		if err != nil || !isCloseCode(number) {
			return 0, "", fmt.Errorf("code: want 1000, 1001, 1008, 1011 to 1013, or 3000 to 4999, got %q", clip(values.Get("code")))
		}
		code = uint16(number)
	}
	if values.Has("reason") {
		reason = values.Get("reason")
		if len(reason) > MaxReason || !utf8.ValidString(reason) {
			return 0, "", fmt.Errorf("reason: want at most %d bytes of UTF-8, got %d bytes", MaxReason, len(reason))
		}
	}
	return code, reason, nil
}

// isCloseCode reports the codes that a server may send when an operator closes a socket (RFC 6455, 7.4).
func isCloseCode(code uint64) bool {
	switch code {
	case 1000, 1001, 1008, 1011, 1012, 1013:
		return true
	default:
		return code >= 3000 && code <= 4999
	}
}
