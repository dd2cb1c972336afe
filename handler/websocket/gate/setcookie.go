package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// cookieChange is what one Set-Cookie does to the cookie of a session.
type cookieChange struct {
	value  string // in its plain form; "" if the session ends
	domain string // "" for a cookie of the host alone
	host   string // of the request
	path   string
}

// cookieChanges returns what the Set-Cookie lines of a response do to the cookie. Browsers keep one cookie of each domain and
// path, and the last line about it wins.
func cookieChanges(lines []string, cookie, host, requestPath string, now time.Time) (changes []cookieChange) {
	for _, line := range lines {
		change, ok := readSetCookie(line, cookie, host, requestPath, now)
		if !ok {
			continue
		}
		same := func(c cookieChange) bool { return c.domain == change.domain && c.path == change.path }
		if i := slices.IndexFunc(changes, same); i >= 0 {
			changes[i] = change
		} else {
			changes = append(changes, change)
		}
	}
	return changes
}

// readSetCookie reads one line as browsers do (RFC 6265, 5.2). It returns false for another cookie, and for a line that browsers
// ignore.
func readSetCookie(line, cookie, host, requestPath string, now time.Time) (change cookieChange, ok bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	if !found || trimBlanks(name) != cookie {
		return change, false
	}
	change = cookieChange{host: host}
	ended, hasMaxAge, date := false, false, ""
	for attributes != "" {
		var attribute string
		attribute, attributes, _ = strings.Cut(attributes, ";")
		name, value, _ := strings.Cut(attribute, "=")
		name, value = trimBlanks(name), trimBlanks(value)
		switch {
		case strings.EqualFold(name, "path"):
			change.path = value
		case strings.EqualFold(name, "domain"):
			change.domain = strings.ToLower(strings.TrimPrefix(value, "."))
		case strings.EqualFold(name, "max-age"):
			if seconds, valid := readMaxAge(value); valid {
				ended, hasMaxAge = seconds <= 0, true
			}
		case strings.EqualFold(name, "expires"):
			date = value
		}
	}
	if !hasMaxAge && date != "" { // Max-Age takes precedence (RFC 6265, 5.3)
		if expires, valid := readCookieDate(date); valid {
			ended = !now.Before(expires)
		}
	}
	if change.path == "" || change.path[0] != '/' {
		change.path = defaultPath(requestPath)
	}
	if change.domain != "" && !domainMatches(host, change.domain) {
		return change, false
	}
	if plain, valid := plainValue(trimBlanks(value)); valid && len(plain) >= minSession && !ended {
		change.value = plain
	}
	return change, true
}

// matches reports whether the handshake of a socket carried the cookie that changes. Where a log must not show the path or host,
// it is unknown, and matches.
func (c *cookieChange) matches(bond *sockets.Bond) bool {
	host := bond.Host == c.host
	if c.domain != "" {
		host = domainMatches(bond.Host, c.domain)
	}
	return (host || isUnknown(bond.Host)) && (pathMatches(bond.Path, c.path) || isUnknown(bond.Path))
}

func isUnknown(text string) bool { return len(text) >= maxLogged || strings.Contains(text, Redacted) }

// domainMatches implements RFC 6265, 5.1.3. Cookies of an IP address are of that address alone.
func domainMatches(host, domain string) bool {
	below, found := strings.CutSuffix(host, domain)
	return found && (below == "" || strings.HasSuffix(below, ".") && strings.Trim(host, "0123456789.") != "")
}

// pathMatches implements RFC 6265, 5.1.4.
func pathMatches(path, cookiePath string) bool {
	below, found := strings.CutPrefix(path, cookiePath)
	return found && (below == "" || strings.HasSuffix(cookiePath, "/") || below[0] == '/')
}

// defaultPath is the path of a cookie without one: the directory of the request (RFC 6265, 5.1.4).
func defaultPath(requestPath string) string {
	end := strings.LastIndexByte(requestPath, '/')
	if end <= 0 || requestPath[0] != '/' {
		return "/"
	}
	return requestPath[:end]
}

// readMaxAge reads digits with an optional minus. Too many digits are a long time.
func readMaxAge(text string) (seconds int64, valid bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil:
		seconds = 1
	case seconds == 0:
		return 0, true
	}
	if digits != text {
		return -1, true
	}
	return seconds, true
}

var months = []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}

// readCookieDate reads a date in any form that browsers accept (RFC 6265, 5.1.1).
func readCookieDate(text string) (time.Time, bool) {
	var clock, day, month, year int
	clock, day, month, year = -1, -1, -1, -1
	for token := range strings.FieldsFuncSeq(text, isDateDelimiter) {
		number, digits := leadingNumber(token)
		name := strings.ToLower(token[:min(len(token), 3)])
		switch {
		case clock < 0 && strings.Contains(token, ":"):
			clock = readClock(token)
		case day < 0 && (digits == 1 || digits == 2):
			day = number
		case month < 0 && digits == 0 && slices.Contains(months, name):
			month = slices.Index(months, name) + 1
		case year < 0 && (digits == 2 || digits == 4):
			year = number
			if digits == 2 && year < 70 {
				year += 2000
			} else if digits == 2 {
				year += 1900
			}
		}
	}
	if clock < 0 || day < 1 || day > 31 || month < 0 || year < 1601 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, 0, 0, clock, 0, time.UTC), true
}

func isDateDelimiter(c rune) bool {
	return c == '\t' || ' ' <= c && c <= '/' || ';' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
}

// leadingNumber returns the number at the start of a token and the count of its digits. Five digits are no part of a date.
func leadingNumber(token string) (number, digits int) {
	for digits < len(token) && digits < 5 && '0' <= token[digits] && token[digits] <= '9' {
		number = number*10 + int(token[digits]-'0')
		digits++
	}
	return number, digits
}

// readClock returns the seconds of hh:mm:ss, or -1.
func readClock(token string) int {
	seconds, parts := 0, 0
	for part := range strings.SplitSeq(token, ":") {
		number, digits := leadingNumber(part)
		if digits < 1 || digits > 2 || number > 59 || parts == 0 && number > 23 {
			return -1
		}
		seconds = seconds*60 + number
		parts++
	}
	if parts != 3 {
		return -1
	}
	return seconds
}
