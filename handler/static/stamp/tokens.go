package stamp

import (
	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// tokens are the tokens of a script without whitespace and comments.
type tokens struct {
	content []byte
	list    []token
	// parentheses are the open parentheses. True: a statement follows the closing one, as in if (a) b.
	parentheses []bool
	statement   bool // a statement follows the parenthesis that was closed last
	imported    int  // the index of the last argument of importScripts
}

type token struct {
	kind       js.TokenType
	start, end uint32
}

// maxScript is the size of the largest script that is rewritten. maxTokens bounds the memory of its tokens.
const (
	maxScript = 16 << 20
	maxTokens = maxScript
)

// tokensOf reads up to limit tokens of a script.
func tokensOf(content []byte, limit int) *tokens {
	t := &tokens{content: content, list: make([]token, 0, min(limit, len(content)/4))}
	lexer := js.NewLexer(parse.NewInputString(string(content)))
	at := 0
	for {
		kind, data := lexer.Next()
		if (kind == js.DivToken || kind == js.DivEqToken) && t.expressionBegins() {
			// An error means that the slash was a division after all. The lexer has lost its position then, so the list ends.
			kind, data = lexer.RegExp()
		}
		if kind == js.ErrorToken {
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
		t.parentheses = append(t.parentheses, t.is(last, "if") || t.is(last, "while") || t.is(last, "for") || t.is(last, "with"))
	case js.CloseParenToken:
		if last := len(t.parentheses) - 1; last >= 0 {
			t.statement, t.parentheses = t.parentheses[last], t.parentheses[:last]
		}
	}
	t.list = append(t.list, next)
}

// expressionBegins reports whether a slash after the last token begins a regular expression. Otherwise the slash is a division.
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

// isString reports whether the token at i is a string or a template without substitutions.
func (t *tokens) isString(i int) bool {
	return i < len(t.list) && (t.list[i].kind == js.StringToken || t.list[i].kind == js.TemplateToken)
}

// is reports whether the token at i has the given text.
func (t *tokens) is(i int, text string) bool {
	return i >= 0 && i < len(t.list) && string(t.content[t.list[i].start:t.list[i].end]) == text
}

// are reports whether the tokens from i on have the given texts.
func (t *tokens) are(i int, texts ...string) bool {
	for n, text := range texts {
		if !t.is(i+n, text) {
			return false
		}
	}
	return true
}
