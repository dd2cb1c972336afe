package shared

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	answersPath = "answers"
	// askTimeout is how long a question waits. The other nodes see it in their next round.
	askTimeout = 3 * time.Second
	// askEvery is how often a node looks for answers.
	askEvery = 200 * time.Millisecond
	// maxQuestions is how many questions of one node may wait at the same time.
	maxQuestions = 8
	// maxQuestion is the most bytes of a question.
	maxQuestion = 8 << 10
	// MaxAnswer is the most bytes of an answer, as JSON.
	MaxAnswer = 2 << 20
)

// questions are the questions of this node that wait for answers. They are in the object of the node, where the other nodes find
// them in their rounds. Each other node stores an answer, and deletes it when the question is gone from the object.
type questions struct {
	mutex sync.Mutex
	asked map[string][]byte // sealed, by ID
	wake  chan struct{}     // begins a round

	answered map[string]bool // the answers of this node in the storage; only the rounds use it
}

type question struct {
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
}

type answerer struct {
	kind   string
	answer func(payload []byte) (any, error)
}

// Answer answers the questions of a kind with JSON of at most [MaxAnswer] bytes, until remove is called.
func (n *Node) Answer(kind string, answer func(payload []byte) (any, error)) (remove func()) {
	a := &answerer{kind, answer}
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.answerers = append(n.answerers, a)
	return func() { removeFrom(n, &n.answerers, a) }
}

// Ask asks the other nodes, and returns their answers by ID. It waits for the answers of all, 3 seconds at most. Nodes that did not
// answer are missing.
func (n *Node) Ask(ctx context.Context, kind string, payload any) (map[string]json.RawMessage, error) {
	answers := make(map[string]json.RawMessage)
	if len(n.Peers()) == 0 {
		return answers, nil
	}
	id, err := n.ask(kind, payload)
	if err != nil {
		return nil, err
	}
	defer n.forget(id)
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return answers, nil
		case <-n.ctx.Done():
			return answers, nil
		case <-time.After(askEvery):
		}
		if err := n.readAnswers(ctx, id, answers); err != nil && ctx.Err() == nil {
			return answers, err
		}
		if !slices.ContainsFunc(n.Peers(), func(p Peer) bool { return answers[p.ID] == nil }) {
			return answers, nil
		}
	}
}

// ask puts a question into the object of the node.
func (n *Node) ask(kind string, payload any) (id string, err error) {
	encoded, err := json.Marshal(payload)
	if err == nil {
		encoded, err = json.Marshal(question{kind, encoded})
	}
	var random [8]byte
	if err == nil {
		_, err = io.ReadFull(n.config.Random, random[:])
	}
	if err != nil {
		return "", fmt.Errorf("writing a question: %w", err)
	}
	if len(encoded) > maxQuestion {
		return "", fmt.Errorf("the question is too long: want at most %d bytes, got %d", maxQuestion, len(encoded))
	}
	id = hex.EncodeToString(random[:])
	q := &n.questions
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if len(q.asked) >= maxQuestions {
		return "", errors.New("too many questions wait for the other nodes")
	}
	q.asked[id] = n.Key().seal.Seal(nil, nil, encoded, []byte(id))
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return id, nil
}

func (n *Node) forget(id string) {
	n.questions.mutex.Lock()
	defer n.questions.mutex.Unlock()
	delete(n.questions.asked, id)
}

// waiting returns the questions that wait, for the object of the node.
func (n *Node) waiting() map[string][]byte {
	n.questions.mutex.Lock()
	defer n.questions.mutex.Unlock()
	return maps.Clone(n.questions.asked)
}

// readAnswers adds the new answers to a question.
func (n *Node) readAnswers(ctx context.Context, id string, answers map[string]json.RawMessage) error {
	names, err := n.store.list(ctx, answersPath, 1) // there may be no answers yet, and the next look is soon
	if err != nil {
		return err
	}
	for _, name := range names {
		node, of, _ := strings.Cut(name, ".")
		if of != id || answers[node] != nil || !validID(node) {
			continue
		}
		sealed, err := n.store.Load(ctx, answersPath+"/"+name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // its node is leaving
		}
		if err != nil {
			return err
		}
		answer, err := n.Key().seal.Open(nil, nil, sealed, []byte(name))
		if err != nil || !json.Valid(answer) {
			return errors.New("reading an answer: it is of another shared key, or damaged")
		}
		answers[node] = answer
	}
	return nil
}

// answerAll answers the questions of the live nodes, and deletes the answers that no node waits for. Only the rounds call it. What
// fails is tried again with the next round.
func (n *Node) answerAll(ctx context.Context) {
	q, now := &n.questions, n.config.Now()
	wanted := make(map[string]bool)
	for _, p := range n.round.peers {
		if now.Sub(p.changed) >= deadAfter || len(p.object.Questions) > maxQuestions {
			continue
		}
		for id, sealed := range p.object.Questions {
			name := n.id + "." + id
			if wanted[name] = validID(id); !wanted[name] || q.answered[name] {
				continue
			}
			if answer := n.answer(name, id, sealed); answer != nil && n.store.Store(ctx, answersPath+"/"+name, answer) == nil {
				q.answered[name] = true
			}
		}
	}
	for name := range q.answered {
		if !wanted[name] && n.store.Delete(ctx, answersPath+"/"+name) == nil {
			delete(q.answered, name)
		}
	}
}

// answer returns a sealed answer, nil for none.
func (n *Node) answer(name, id string, sealed []byte) []byte {
	key := n.Key()
	plain, err := key.seal.Open(nil, nil, sealed, []byte(id))
	if err != nil {
		n.unreadable(errors.New("reading a question: it is of another shared key, or damaged"))
		return nil
	}
	var asked question
	if err := json.Unmarshal(plain, &asked); err != nil {
		n.unreadable(fmt.Errorf("reading a question: %w", err))
		return nil
	}
	n.mutex.Lock()
	answerers := n.answerers
	n.mutex.Unlock()
	for _, a := range answerers {
		if a.kind != asked.Kind {
			continue
		}
		answer, err := a.answer(asked.Payload)
		if err != nil {
			n.unreadable(fmt.Errorf("answering a question: %w", err))
			return nil
		}
		if encoded, err := json.Marshal(answer); err == nil && len(encoded) <= MaxAnswer {
			return key.seal.Seal(nil, nil, encoded, []byte(name))
		}
	}
	return nil
}

// removeAnswers removes the answers of a node that is gone.
func (n *Node) removeAnswers(ctx context.Context, node string) error {
	names, err := n.store.List(ctx, answersPath)
	for _, name := range names {
		if strings.HasPrefix(name, node+".") {
			err = errors.Join(err, n.store.Delete(ctx, answersPath+"/"+name))
		}
	}
	return err
}
