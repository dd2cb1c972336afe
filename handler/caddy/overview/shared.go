package overview

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/scan2food/usher/handler/caddy/cluster"
	"github.com/scan2food/usher/handler/caddy/socketlog"
	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/handler/caddy/websockettunnel"
	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/handler/shared"
)

// nodeState returns the state of this machine.
func nodeState() report.NodeState {
	state := report.NodeState{Routes: make(map[string]int), Generations: versionedassets.Generations()}
	for _, route := range socketlog.Registry().OpenByRoute() {
		state.Sockets += route.Open
		state.Routes[route.Route] += route.Open
	}
	return state
}

// DescribeNode returns the state of this machine, as the others report it.
func DescribeNode() ([]byte, error) { return json.Marshal(nodeState()) }

// Shared returns the state of all machines, nil if this one shares nothing.
func Shared() *report.Shared {
	node := cluster.Current()
	if node == nil {
		return nil
	}
	state := &report.Shared{OK: node.OK(), Reached: node.Reached()}
	self := node.Self()
	state.Nodes = append(state.Nodes, report.Node{ID: self.ID, Name: self.Name, This: true, Started: self.Started, NodeState: nodeState()})
	for _, peer := range node.Peers() {
		reported := report.Node{ID: peer.ID, Name: peer.Name, Started: peer.Started}
		_ = json.Unmarshal(peer.Description, &reported.NodeState) // of another version of usher: what is known
		state.Nodes = append(state.Nodes, reported)
	}
	return state
}

// Kinds of events of operators.
const (
	closeEvents = "close"
	drainEvents = "drain"
)

type closeEvent struct {
	Filters string `json:"filters"`
	Code    uint16 `json:"code"`
	Reason  string `json:"reason"`
}

type drainEvent struct {
	Upstream string        `json:"upstream"`
	Over     time.Duration `json:"over,omitempty"`
	Undrain  bool          `json:"undrain,omitempty"`
}

// CloseElsewhere closes the sockets of other machines that match the filters, and returns the number of these machines.
func CloseElsewhere(filters url.Values, code uint16, reason string) (nodes int, err error) {
	if !report.ConcernsOthers(filters, processID()) {
		return 0, nil
	}
	nodes, err = publish(closeEvents, closeEvent{filters.Encode(), code, reason})
	if filters.Has("process") {
		nodes = min(nodes, 1)
	}
	return nodes, err
}

// DrainElsewhere drains an upstream of other machines, or puts it into service again.
func DrainElsewhere(upstream string, over time.Duration, undrain bool) error {
	_, err := publish(drainEvents, drainEvent{upstream, over, undrain})
	return err
}

func publish(kind string, event any) (nodes int, err error) {
	node := cluster.Current()
	if node == nil {
		return 0, nil
	}
	return len(node.Peers()), node.Publish(kind, event)
}

// Receive carries out the events of operators on other machines, until stop is called.
func Receive(ctx caddy.Context, node *shared.Node) (stop func()) {
	logger := ctx.Logger()
	stopClose := node.Handle(closeEvents, func(payload []byte) {
		var e closeEvent
		err := json.Unmarshal(payload, &e)
		var filters url.Values
		if err == nil {
			filters, err = url.ParseQuery(e.Filters)
		}
		var query report.SocketQuery
		if err == nil {
			query, err = report.ParseSocketQuery(filters)
		}
		if err != nil || !query.Filtered() {
			logger.Error("event of another machine invalid; ignoring it", zap.Error(err))
			return
		}
		closed := CloseSockets(query, e.Code, e.Reason)
		logger.Info("operator of another machine closed sockets", zap.Int("sockets", closed.Closed))
	})
	stopList := node.Answer(socketQuestions, answerSockets)
	stopDrain := node.Handle(drainEvents, func(payload []byte) {
		var e drainEvent
		if err := json.Unmarshal(payload, &e); err != nil {
			logger.Error("event of another machine invalid; ignoring it", zap.Error(err))
			return
		}
		var err error
		if e.Undrain {
			_, err = websockettunnel.Undrain(e.Upstream)
		} else {
			_, err = websockettunnel.Drain(e.Upstream, e.Over)
		}
		if err != nil {
			return // this machine has no such upstream
		}
		logger.Info("operator of another machine changed an upstream", zap.String("upstream", e.Upstream), zap.Bool("drained", !e.Undrain))
	})
	return func() {
		stopClose()
		stopList()
		stopDrain()
	}
}
