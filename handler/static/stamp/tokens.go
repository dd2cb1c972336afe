package stamp

import (
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// tokens are those of a script that mean something: no blanks, no comments.
type tokens struct {
	content []byte
	list    []token
	// conditions are the brackets that are open; true where what follows them is a statement, as behind if.
	conditions []bool
	statement  bool // of the bracket that was closed last
	imported   int  // the last argument of importScripts that was found
	whole      bool // it was read to its end
}

type token struct {
	kind       js.TokenType
	start, end uint32
}

// maxScript is larger than scripts are. With maxTokens it bounds the memory that one takes.
const (
	maxScript = 16 << 20
	maxTokens = maxScript
)

// tokensOf reads a script, up to a number of tokens.
func tokensOf(content []byte, limit int) *tokens {
	t := &tokens{content: content, list: make([]token, 0, min(limit, len(content)/4))}
	lexer := js.NewLexer(parse.NewInputString(string(content)))
	at := 0
	for {
		kind, data := lexer.Next()
		if (kind == js.DivToken || kind == js.DivEqToken) && t.expressionBegins() {
			// Where this fails, a division was taken for one. The lexer has lost its place then: kind ends the list.
			kind, data = lexer.RegExp()
		}
		if kind == js.ErrorToken {
			t.whole = at == len(content)
			return t
		}
		end := at + len(data)
		switch kind {
		case js.WhitespaceToken, js.LineTerminatorToken, js.CommentToken, js.CommentLineTerminatorToken:
		default:
			if len(t.list) == limit {
				return t
			}
			t.add(token{kind, uint32(at), uint32(end)})
		}
		at = end
	}
}

func (t *tokens) add(next token) {
	switch next.kind {
	case js.OpenParenToken:
		last := len(t.list) - 1
		t.conditions = append(t.conditions, t.is(last, "if") || t.is(last, "while") || t.is(last, "for") || t.is(last, "with"))
	case js.CloseParenToken:
		if last := len(t.conditions) - 1; last >= 0 {
			t.statement, t.conditions = t.conditions[last], t.conditions[:last]
		}
	}
	t.list = append(t.list, next)
}

// expressionBegins reports whether a slash at the end of the list begins a regular expression, and is no division.
func (t *tokens) expressionBegins() bool {
	if len(t.list) == 0 {
		return true
	}
	switch last := t.list[len(t.list)-1].kind; {
	case last == js.CloseParenToken:
		return t.statement
	case last == js.CloseBracketToken, last == js.IncrToken, last == js.DecrToken:
		return false
	case last == js.StringToken, last == js.TemplateToken, last == js.TemplateEndToken, last == js.RegExpToken:
		return false
	case js.IsNumeric(last), js.IsIdentifier(last), last == js.PrivateIdentifierToken:
		return false
	case last == js.ThisToken, last == js.SuperToken, last == js.NullToken, last == js.TrueToken, last == js.FalseToken:
		return false
	}
	return true
}

// isText reports whether the token at i is a string.
func (t *tokens) isText(i int) bool {
	return i < len(t.list) && (t.list[i].kind == js.StringToken || t.list[i].kind == js.TemplateToken)
}

// is reports whether the token at i is a word.
func (t *tokens) is(i int, word string) bool {
	return i >= 0 && i < len(t.list) && string(t.content[t.list[i].start:t.list[i].end]) == word
}

// are reports whether the tokens from i on are words.
func (t *tokens) are(i int, words ...string) bool {
	for n, word := range words {
		if !t.is(i+n, word) {
			return false
		}
	}
	return true
}
