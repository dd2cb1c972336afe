package overview

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/shared"
)

// processID is the ID of this process on all machines, empty if it shares nothing.
func processID() string {
	if node := cluster.Current(); node != nil {
		return node.Self().ID
	}
	return ""
}

// ListSockets returns a page of the sockets of each machine that match a query.
func ListSockets(ctx context.Context, values url.Values) (report.Sockets, error) {
	query, err := report.ParseSocketQuery(values)
	if err != nil {
		return report.Sockets{}, err
	}
	list := report.List(Sockets(), query)
	list.Machines, list.Alone = listElsewhere(ctx, values), IsAlone()
	return list, nil
}

// IsAlone reports that the shared storage fails.
func IsAlone() bool {
	node := cluster.Current()
	return node != nil && !node.OK()
}

// socketQuestions is the kind of questions for sockets. The payload is an encoded query.
const socketQuestions = "sockets"

func listElsewhere(ctx context.Context, values url.Values) []report.MachineSockets {
	node := cluster.Current()
	if node == nil || len(node.Peers()) == 0 || !report.ConcernsOthers(values, processID()) {
		return nil
	}
	answers, _ := node.Ask(ctx, socketQuestions, values.Encode()) // without answers the list says so
	var machines []report.MachineSockets
	for _, other := range Shared().Nodes {
		if other.This || values.Has("process") && values.Get("process") != other.ID {
			continue
		}
		m := report.MachineSockets{Process: other.ID, Name: other.Name}
		if m.Answered = json.Unmarshal(answers[other.ID], &m.Sockets) == nil; !m.Answered {
			m.Sockets = report.Sockets{Total: other.Sockets, ByRoute: map[string]int{}, Sockets: []report.Socket{}}
		}
		machines = append(machines, m)
	}
	return machines
}

// answerSockets answers another machine. The page is shorter if the answer becomes too long.
func answerSockets(payload []byte) (any, error) {
	var encoded string
	if err := json.Unmarshal(payload, &encoded); err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, err
	}
	query, err := report.ParseSocketQuery(values)
	if err != nil {
		return nil, err
	}
	all := Sockets()
	for ; ; query.Limit /= 2 {
		list := report.List(all, query)
		if text, err := json.Marshal(list); err != nil || len(text) <= shared.MaxAnswer || query.Limit == 1 {
			return list, err
		}
	}
}
