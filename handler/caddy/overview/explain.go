package overview

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/scan2food/usher/handler/caddy/routing"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/handler/operate/report"
)

// undecided begins the reason of a response that neither a gate nor a served directory decides.
const undecided = "no gate checks the request, and no served directory has the path: "

// Explain says how a request is answered. It follows the request through the routes of its server, with Caddy's own matchers and
// rewrites, to the first handler that decides, and prints the decision of that handler. No handler is called.
func Explain(r *http.Request) report.Explanation {
	servers, note := serversOf(r)
	undecidedBy := report.Explanation{By: "none", Why: undecided + "the next handler answers"}
	for _, server := range servers {
		answer := report.Explanation{By: "none"}
		end := routing.Walk{Server: server, Decides: func(handler caddyhttp.MiddlewareHandler, r *http.Request) bool {
			explanation, decides := explain(handler, r)
			if decides {
				answer = explanation
			}
			return decides
		}}.Follow(r)
		switch {
		case end.Decided:
		case end.By != "":
			answer.Why = undecided + end.By + " answers"
			if end.Path != r.URL.Path {
				answer.Why += " " + end.Path + ", to which a rewrite led"
			}
		default:
			continue
		}
		answer.NotEvaluated = append(note, end.NotEvaluated...)
		for _, text := range append([]*string{&answer.File, &answer.Why}, pointers(answer.NotEvaluated)...) {
			*text = websocketgate.RedactText(*text)
		}
		if end.Decided {
			return answer
		}
		undecidedBy = answer
	}
	return undecidedBy
}

// explain returns the decision of a handler of usher. It returns false for other handlers, and if the next handler answers.
func explain(handler caddyhttp.MiddlewareHandler, r *http.Request) (report.Explanation, bool) {
	switch h := handler.(type) {
	case *websocketgate.Handler:
		return h.Explanation(r)
	case *versionedassets.Handler:
		return h.Explanation(r)
	default:
		return report.Explanation{}, false
	}
}

func pointers(texts []string) (all []*string) {
	for i := range texts {
		all = append(all, &texts[i])
	}
	return all
}

// serversOf returns the servers that may get a request, those of the newest configuration first: the servers at the port of the URL,
// or all if none has it. The port may be another one in front of Caddy.
func serversOf(r *http.Request) (servers []*caddyhttp.Server, note []string) {
	all := append(websocketgate.Servers(), versionedassets.Servers()...)
	slices.Reverse(all)
	known := make(map[string]bool)
	for _, server := range all {
		if server == nil || known[strings.Join(server.Listen, " ")] {
			continue // during a reload two configurations are loaded; the newest counts
		}
		known[strings.Join(server.Listen, " ")] = true
		servers = append(servers, server)
	}
	_, port, _ := net.SplitHostPort(r.Host)
	if port == "" {
		port = map[bool]string{false: "80", true: "443"}[r.TLS != nil]
	}
	atPort := slices.DeleteFunc(slices.Clone(servers), func(server *caddyhttp.Server) bool { return !listensAt(server, port) })
	if len(atPort) > 0 || len(servers) == 0 {
		return atPort, nil
	}
	return servers, []string{"no server listens at port " + port + ": the servers at other ports were asked"}
}

func listensAt(server *caddyhttp.Server, port string) bool {
	return slices.ContainsFunc(server.Listen, func(listen string) bool {
		address, err := caddy.ParseNetworkAddress(listen)
		if err != nil || address.IsUnixNetwork() {
			return true // a proxy in front of Caddy has the port
		}
		for offset := range address.PortRangeSize() {
			if fmt.Sprint(address.StartPort+offset) == port {
				return true
			}
		}
		return false
	})
}
