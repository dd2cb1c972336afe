// Package scripts finds in JavaScript what it loads, which WebSockets it opens, and the keys that it holds.
package scripts

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/js"
)

// Kind is what a script does with a URL.
type Kind uint8

// The kinds.
const (
	Worker Kind = iota
	Import
	ImportScripts
	Socket
)

// Reference is a URL in a script. [Computed] stands for each part that the script computes.
type Reference struct {
	Kind Kind
	Text string
}

// Computed is the placeholder of what a script computes. No URL holds this character.
const Computed = "\uFFFC"

// scriptToken is a token of a script without white space and comments.
type scriptToken struct {
	kind js.TokenType
	text string
}

// maxTokens bounds what is looked at of one script.
const maxTokens = 2_000_000

func tokensOf(content string) []scriptToken {
	lexer := js.NewLexer(parse.NewInputString(content))
	var tokens []scriptToken
	for len(tokens) < maxTokens {
		kind, text := lexer.Next()
		switch kind {
		case js.ErrorToken:
			return tokens // the end, or an error, after which the lexer may read beyond the end
		case js.WhitespaceToken, js.LineTerminatorToken, js.CommentToken, js.CommentLineTerminatorToken:
			continue
		case js.DivToken, js.DivEqToken:
			if beginsRegExp(tokens) {
				if regular, all := lexer.RegExp(); regular == js.RegExpToken {
					kind, text = regular, all
				}
			}
		}
		tokens = append(tokens, scriptToken{kind, string(text)})
	}
	return tokens
}

// beginsRegExp reports whether a slash after the tokens begins a regular expression: no value precedes it.
func beginsRegExp(tokens []scriptToken) bool {
	if len(tokens) == 0 {
		return true
	}
	switch last := tokens[len(tokens)-1]; last.text {
	case ")", "]", "}":
		return false
	case "return", "typeof", "case", "in", "of", "do", "else":
		return true
	default:
		return !(js.IsIdentifierName(last.kind) || js.IsNumeric(last.kind) || last.kind == js.StringToken || last.kind == js.TemplateToken || last.kind == js.TemplateEndToken)
	}
}

// Scan finds the URLs that a script loads or connects to.
func Scan(content string) []Reference {
	tokens := tokensOf(content)
	values := assignments(tokens)
	var all []Reference
	for i, token := range tokens {
		next := func(n int) string {
			if i+n < len(tokens) {
				return tokens[i+n].text
			}
			return ""
		}
		switch {
		case token.text == "new" && (next(1) == "Worker" || next(1) == "SharedWorker") && next(2) == "(":
			all = appendText(all, Worker, literal(tokens, i+3, values))
		case token.text == "importScripts" && next(1) == "(":
			all = appendText(all, ImportScripts, literal(tokens, i+2, values))
		case token.text == "import" && next(1) == "(":
			all = appendText(all, Import, literal(tokens, i+2, values))
		case token.text == "import" && i+1 < len(tokens) && tokens[i+1].kind == js.StringToken:
			all = appendText(all, Import, unquote(tokens[i+1].text))
		case token.text == "from" && i+1 < len(tokens) && tokens[i+1].kind == js.StringToken:
			all = appendText(all, Import, unquote(tokens[i+1].text))
		case token.text == "WebSocket" && next(1) == "(":
			all = appendText(all, Socket, literal(tokens, i+2, values))
		case isText(token.kind) && isSocketURL(unquote(token.text)):
			all = appendText(all, Socket, literal(tokens, i, values))
		}
	}
	return all
}

func appendText(all []Reference, kind Kind, text string) []Reference {
	if strings.Trim(text, Computed) == "" || kind == Import && !strings.HasPrefix(text, ".") && !strings.HasPrefix(text, "/") {
		return all // a bare specifier is resolved by an import map
	}
	return append(all, Reference{kind, text})
}

func isSocketURL(text string) bool {
	return strings.HasPrefix(text, "ws://") || strings.HasPrefix(text, "wss://")
}

func isText(kind js.TokenType) bool {
	switch kind {
	case js.StringToken, js.TemplateToken, js.TemplateStartToken, js.TemplateMiddleToken, js.TemplateEndToken:
		return true
	default:
		return false
	}
}

// unquote returns the text of a string, or of a piece of a template.
func unquote(text string) string {
	text = strings.Trim(text, "\"'`")
	text = strings.TrimPrefix(text, "}")
	return strings.TrimSuffix(text, "${")
}

// assignments returns the texts that names are assigned to, for URLs that are built in a variable. The last one counts.
func assignments(tokens []scriptToken) map[string]string {
	values := make(map[string]string)
	for i := 0; i+2 < len(tokens); i++ {
		if js.IsIdentifierName(tokens[i].kind) && tokens[i+1].text == "=" {
			if text := literal(tokens, i+2, values); text != "" {
				values[tokens[i].text] = text
			}
		}
	}
	return values
}

// maxExpression bounds the tokens and the bytes of one expression.
const maxExpression = 200

// literal returns the text of the expression that begins at a token. Names that are known are replaced by their text, and what else
// is computed by [Computed]. Of a condition it takes the first alternative, and of new URL the first argument.
func literal(tokens []scriptToken, at int, values map[string]string) string {
	if at+2 < len(tokens) && tokens[at].text == "new" && tokens[at+1].text == "URL" && tokens[at+2].text == "(" {
		at += 3
	}
	e := new(expression)
	for i := at; i < len(tokens) && i < at+maxExpression && len(e.text) < 2048; i++ {
		token := tokens[i]
		isName := js.IsIdentifierName(token.kind)
		switch {
		case token.text == "(" || token.text == "[":
			e.open()
		case token.text == ")" || token.text == "]":
			if !e.close() {
				return e.text
			}
		case len(e.groups) == 0 && (token.text == "," || token.text == ";" || token.text == "{" || token.text == "}"):
			return e.text
		case isName && i > at && endsExpression(tokens[i-1], token):
			return e.text // the next statement, without a semicolon
		case (token.kind == js.TemplateMiddleToken || token.kind == js.TemplateEndToken) && i > at && !e.close():
			return e.text // the expression is a part of the template
		case isText(token.kind):
			if piece := unquote(token.text); !isProtocol(piece) {
				e.add(piece)
			}
			if token.kind == js.TemplateStartToken || token.kind == js.TemplateMiddleToken {
				e.open()
			}
		case token.text == "?":
			e.dropCondition()
		case token.text == ":":
			e.alternative = true
		case js.IsNumeric(token.kind) || token.text == "this":
			e.add(Computed)
		case isName && !js.IsReservedWord(token.kind) && (i == at || tokens[i-1].text != "." && tokens[i-1].text != "?."):
			e.add(cmp.Or(values[token.text], Computed))
		}
	}
	return e.text
}

// expression is the text of an expression so far.
type expression struct {
	text        string
	begin       int     // of the innermost group
	alternative bool    // the rest of the innermost group is the second alternative of a condition
	groups      []group // around the innermost group
}

// group is an expression in brackets or in a template.
type group struct {
	begin       int
	alternative bool
}

func (e *expression) open() {
	e.groups = append(e.groups, group{e.begin, e.alternative})
	e.begin = len(e.text)
}

// close ends the innermost group. It returns false if that is the expression itself.
func (e *expression) close() bool {
	if len(e.groups) == 0 {
		return false
	}
	last := e.groups[len(e.groups)-1]
	e.begin, e.alternative = last.begin, last.alternative
	e.groups = e.groups[:len(e.groups)-1]
	return true
}

func (e *expression) dropCondition() {
	if !e.alternative {
		e.text = e.text[:e.begin]
	}
}

// add adds a piece. Placeholders in a row are one.
func (e *expression) add(piece string) {
	if !e.alternative && (piece != Computed || !strings.HasSuffix(e.text, Computed)) {
		e.text += piece
	}
}

// isProtocol reports what scripts compare location.protocol with.
func isProtocol(text string) bool {
	switch text {
	case "http:", "https:", "http", "https", "ws", "wss", "ws:", "wss:":
		return true
	default:
		return false
	}
}

// endsExpression reports two tokens of which the second cannot continue the expression of the first.
func endsExpression(last, next scriptToken) bool {
	isValue := js.IsIdentifierName(last.kind) || last.kind == js.StringToken || last.kind == js.TemplateToken ||
		last.kind == js.TemplateEndToken || last.text == ")" || last.text == "]"
	switch last.text {
	case "new", "await", "typeof", "return", "in", "instanceof":
		isValue = false
	}
	switch next.text {
	case "in", "instanceof", "of":
		return false
	}
	return isValue
}

// secretParameter is a key in a URL. The names are those that sites use for keys in WebSocket URLs.
var secretParameter = regexp.MustCompile(`(?i)[?&](key|token|access_token|auth|secret|api_?key)=([A-Za-z0-9_.~%+/-]{16,})`)

// HoldsKey reports whether a text holds a URL with a key.
func HoldsKey(text string) bool { return secretParameter.MatchString(text) }
