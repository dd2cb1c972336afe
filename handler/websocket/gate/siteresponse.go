package gate

import (
	"net/http"
	"slices"
	"strings"

	"github.com/scan2food/usher/handler/websocket/sockets"
)

// siteRequest is what the gate keeps of a request until it reads the header of the response. Later handlers may change the
// request.
type siteRequest struct {
	gate    *Gate
	request *http.Request
	cookies []string // lines of Cookie, if the gate has sessions
	host    string
	read    bool // the header of the response was read
}

// maxSessions limits the sessions that one request can end. Browsers send one for each path.
const maxSessions = 4

func (g *Gate) siteRequest(r *http.Request) siteRequest {
	s := siteRequest{gate: g, request: r}
	if len(g.sessions) > 0 && len(r.Header["Cookie"]) > 0 {
		s.cookies, s.host = r.Header["Cookie"], g.cookieHost(r)
	}
	return s
}

// readHeader reads the header of a response once, closes the sockets that it ends, and deletes the fields for the gate. It
// returns the lines of Usher-User.
func (s *siteRequest) readHeader(header http.Header) (user []string) {
	closes, user := header[closeHeader], header[userHeader]
	if closes != nil || user != nil {
		stripSiteHeaders(header)
	}
	if s.read {
		return nil
	}
	s.read = true
	for _, line := range closes {
		s.close(line)
	}
	if lines := header["Set-Cookie"]; len(lines) > 0 {
		for _, cookie := range s.sessionCookies() {
			s.changeSession(lines, cookie)
		}
	}
	return user
}

// sessionCookies returns the names of the session cookies of a request that has cookies.
func (s *siteRequest) sessionCookies() []string {
	if s.cookies == nil {
		return nil
	}
	return s.gate.sessions
}

// stripSiteHeaders deletes the fields, also from the trailers of a response.
func stripSiteHeaders(header http.Header) {
	delete(header, closeHeader)
	delete(header, userHeader)
	delete(header, http.TrailerPrefix+closeHeader)
	delete(header, http.TrailerPrefix+userHeader)
}

// changeSession follows what a response does to the session of the request: the sockets of a session that ends are closed, and
// those of a session with a new value follow it.
func (s *siteRequest) changeSession(lines []string, cookie string) {
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, cookie) }) {
		return
	}
	g, registry := s.gate, s.gate.config.Registry
	changes := cookieChanges(lines, cookie, s.host, g.config.OriginalPath(s.request), g.config.Now())
	if len(changes) == 0 {
		return
	}
	closed := 0
	for _, old := range s.sessionsOf(cookie) {
		renewed := func(info *sockets.Info) bool {
			return slices.ContainsFunc(changes, func(c cookieChange) bool { return c.value != "" && c.matches(info.Bond) })
		}
		for i := range changes {
			c := &changes[i]
			matches := func(info *sockets.Info) bool { return c.matches(info.Bond) }
			if c.value != "" {
				closed += registry.RenewSession(old, g.config.SessionKey.session(cookie, c.value), matches, codeEnded, reasonEnded)
				continue
			}
			ended := func(info *sockets.Info) bool { return matches(info) && !renewed(info) }
			closed += registry.EndSession(old, ended, codeEnded, reasonEnded)
		}
	}
	s.report(CauseCookie, closed)
}

// sessionsOf returns the sessions that the request carried in the cookie.
func (s *siteRequest) sessionsOf(cookie string) (sessions []sockets.Session) {
	cookies(s.cookies, func(name, value string) {
		if name != cookie || len(sessions) == maxSessions {
			return
		}
		plain, ok := plainValue(value)
		if !ok || len(plain) < minSession {
			return
		}
		session := s.gate.config.SessionKey.session(cookie, plain)
		if !slices.Contains(sessions, session) {
			sessions = append(sessions, session)
		}
	})
	return sessions
}

// close carries out one line of Usher-Close.
func (s *siteRequest) close(line string) {
	closes, err := parseClose(line)
	if err != nil && s.gate.config.InvalidClose != nil {
		s.gate.config.InvalidClose(err)
	}
	for i := range closes {
		c := &closes[i]
		if c.cause == CauseSession {
			s.report(c.cause, s.closeSession(c))
			continue
		}
		s.report(c.cause, s.gate.config.Registry.CloseWhere(func(info sockets.Info) bool {
			return s.gate.owns(&info) && slices.Contains(c.values, c.nameIn(&info))
		}, c.code, c.reason))
	}
}

func (s *siteRequest) closeSession(c *siteClose) (closed int) {
	for _, cookie := range s.sessionCookies() {
		for _, session := range s.sessionsOf(cookie) {
			closed += s.gate.config.Registry.EndSession(session, s.gate.owns, c.code, c.reason)
		}
	}
	return closed
}

// nameIn returns the part of a socket that the values of the member name.
func (c *siteClose) nameIn(info *sockets.Info) string {
	switch c.cause {
	case CauseUser:
		return info.User
	case CauseRoute:
		return info.Route
	default:
		return info.Key
	}
}

// owns reports whether the socket belongs to the site of the gate.
func (g *Gate) owns(info *sockets.Info) bool {
	if g.config.Owns != nil {
		return g.config.Owns(info)
	}
	return info.Site == g.config.Site
}

func (s *siteRequest) report(cause CloseCause, closed int) {
	if closed > 0 && s.gate.config.SiteClosed != nil {
		s.gate.config.SiteClosed(cause, closed)
	}
}
