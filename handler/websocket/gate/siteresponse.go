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
	if slices.ContainsFunc(header["Clear-Site-Data"], clearsCookies) {
		s.endSessions(&SiteEvent{Cause: CauseSession, Code: codeEnded, Reason: reasonEnded})
	}
	return user
}

// clearsCookies reports whether a line of Clear-Site-Data has the browser delete the cookies of the site.
func clearsCookies(line string) bool {
	for kind := range strings.SplitSeq(line, ",") {
		if kind = strings.TrimSpace(kind); kind == `"cookies"` || kind == `"*"` {
			return true
		}
	}
	return false
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
	g := s.gate
	changes := cookieChanges(lines, cookie, s.host, g.config.OriginalPath(s.request), g.config.Now())
	if len(changes) == 0 {
		return
	}
	e := SiteEvent{Cause: CauseCookie, Sessions: s.sessionsOf(cookie), Code: codeEnded, Reason: reasonEnded}
	for _, c := range changes {
		e.Changes = append(e.Changes, g.sessionChange(cookie, c))
	}
	s.carryOut(&e)
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
	for _, c := range closes {
		e := SiteEvent{Cause: c.cause, Values: c.values, Code: c.code, Reason: c.reason}
		if c.cause == CauseSession {
			s.endSessions(&e)
		} else {
			s.carryOut(&e)
		}
	}
}

// endSessions carries out an event for the sessions of the request.
func (s *siteRequest) endSessions(e *SiteEvent) {
	for _, cookie := range s.sessionCookies() {
		e.Sessions = append(e.Sessions, s.sessionsOf(cookie)...)
	}
	s.carryOut(e)
}

// carryOut closes the sockets of this process, and lets other machines know.
func (s *siteRequest) carryOut(e *SiteEvent) {
	if !e.mayClose() {
		return
	}
	s.gate.Apply(e)
	if s.gate.config.Publish != nil {
		s.gate.config.Publish(e)
	}
}
