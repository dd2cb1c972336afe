package check

import (
	"net/url"
	"path"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/scan2food/usher/handler/operate/scripts"
	"github.com/scan2food/usher/handler/operate/verdict"
	"github.com/scan2food/usher/handler/static/fingerprint"
)

func looksVersioned(urlPath string) bool { return fingerprint.LooksVersioned(path.Base(urlPath)) }

// readPage queues the scripts and styles of a page, and reads its inline scripts.
func (c *checker) readPage(content string) {
	tokens := html.NewTokenizer(strings.NewReader(content))
	base := c.page
	for inline := false; ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if inline {
				c.readScript(c.page, string(tokens.Raw()))
			}
		case html.EndTagToken:
			inline = false
		case html.StartTagToken, html.SelfClosingTagToken:
			token := tokens.Token()
			attributes := make(map[string]string, len(token.Attr))
			for _, attribute := range token.Attr {
				if _, twice := attributes[attribute.Key]; !twice {
					attributes[attribute.Key] = attribute.Val
				}
			}
			switch token.DataAtom {
			case atom.Base:
				if target, err := c.page.Parse(attributes["href"]); err == nil && attributes["href"] != "" {
					base = target
				}
			case atom.Script:
				inline = c.readScriptElement(base, attributes)
			case atom.Link:
				rel := strings.Fields(strings.ToLower(attributes["rel"]))
				for _, word := range rel {
					if word == "stylesheet" {
						c.add(base, attributes["href"], kindStyle, show(c.page))
					}
				}
			}
		}
	}
}

// readScriptElement queues an external script, and reports an inline one.
func (c *checker) readScriptElement(base *url.URL, attributes map[string]string) (inline bool) {
	kind := kindScript
	switch strings.ToLower(strings.TrimSpace(attributes["type"])) {
	case "module":
		kind = kindModule
	case "", "text/javascript", "application/javascript":
	default:
		return false // data
	}
	if source, external := attributes["src"]; external {
		c.add(base, source, kind, show(c.page))
		return false
	}
	return true
}

// readScript queues the workers and imports of a script, and notes the WebSockets that it opens.
func (c *checker) readScript(at *url.URL, content string) {
	if scripts.HoldsKey(content) {
		c.report.Add(verdict.Warn, show(at), "public JavaScript holds a key", "issue tickets: `ticket { issue_on ... }` in the route; then rotate the key")
	}
	for _, found := range scripts.Scan(content) {
		if found.Kind != scripts.Socket && strings.Contains(found.Text, scripts.Computed) {
			continue // no URL of a file
		}
		switch found.Kind {
		case scripts.Worker:
			c.add(c.page, found.Text, kindWorker, show(at))
		case scripts.Import:
			c.add(at, found.Text, kindModule, show(at))
		case scripts.ImportScripts:
			c.add(at, found.Text, kindWorker, show(at))
		case scripts.Socket:
			c.addSocket(at, found.Text)
		}
	}
}
