package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// statusPage is the page of usher_status in Chromium.
type statusPage struct{ ctx context.Context }

func openStatusPage(t *testing.T, url string) *statusPage {
	t.Helper()
	p := &statusPage{browser(t)}
	if err := chromedp.Do(p.ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	p.shows(t, "live", "live")
	return p
}

// shows waits until an element shows all texts.
func (p *statusPage) shows(t *testing.T, id string, texts ...string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("#%s shows %q", id, texts), func() bool {
		shown := textOf(t, p.ctx, id)
		for _, text := range texts {
			if !strings.Contains(shown, text) {
				return false
			}
		}
		return true
	})
}

// hides waits until an element shows a text no longer.
func (p *statusPage) hides(t *testing.T, id, text string) {
	t.Helper()
	waitFor(t, fmt.Sprintf("#%s shows no %q", id, text), func() bool { return !strings.Contains(textOf(t, p.ctx, id), text) })
}

func (p *statusPage) press(t *testing.T, key string) {
	t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.KeyEvent(key)); err != nil {
		t.Fatal(err)
	}
}

// focus is what the keyboard acts on: its accessible name, and whether an outline shows it.
func (p *statusPage) focus(t *testing.T) string {
	t.Helper()
	return script[string](t, p.ctx, `
		const at = document.activeElement, outline = getComputedStyle(at)
		const shown = outline.outlineStyle !== 'none' && parseFloat(outline.outlineWidth) >= 2
		return (at.getAttribute('aria-label') || at.textContent.trim()).slice(0, 60) + (at === document.body ? '' : shown ? ', outlined' : ', not outlined')`)
}

// tree returns the roles and names that a screen reader gets.
func (p *statusPage) tree(t *testing.T) map[string]bool {
	t.Helper()
	result, err := chromedp.Run(p.ctx, func(ctx context.Context, target *chromedp.Target) (accessibility.GetFullAXTreeResult, error) {
		return cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	})
	if err != nil {
		t.Fatal(err)
	}
	text := func(value *accessibility.Value) string {
		if value == nil {
			return ""
		}
		return strings.Trim(string(value.Value), `"`)
	}
	tree := make(map[string]bool)
	for _, node := range result.Nodes {
		if !node.Ignored {
			tree[strings.TrimSpace(text(node.Role)+" "+text(node.Name))] = true
		}
	}
	return tree
}

// form sets the width of the window and the colour scheme.
func (p *statusPage) form(t *testing.T, width int64, scheme string) {
	t.Helper()
	err := chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
}

// picture writes a picture of the whole page, if USHER_E2E_SCREENSHOTS names a directory.
func (p *statusPage) picture(t *testing.T, name string) {
	t.Helper()
	directory := os.Getenv("USHER_E2E_SCREENSHOTS")
	if directory == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// checkForms checks the page on a desktop and a phone, in light and dark.
func (p *statusPage) checkForms(t *testing.T) {
	t.Helper()
	backgrounds := make(map[string]bool)
	for _, width := range []int64{1280, 390} {
		for _, scheme := range []string{"light", "dark"} {
			p.form(t, width, scheme)
			name := fmt.Sprintf("status-%d-%s", width, scheme)
			if over := script[int](t, p.ctx, `return document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s: the page is %d pixels too wide", name, over)
			}
			if broken := p.brokenWords(t); len(broken) > 0 {
				t.Errorf("%s: the lines break within %q", name, broken)
			}
			backgrounds[script[string](t, p.ctx, `return getComputedStyle(document.body).backgroundColor`)] = true
			tree := p.tree(t)
			for _, want := range []string{
				"heading usher status", "status", "region Routes", "table Routes", "row", "columnheader State", "rowheader chat", "region Upstreams",
				"table Upstreams", "region Keys", "region Assets", "table Sockets", "main",
			} {
				if !tree[want] {
					t.Errorf("%s: a screen reader gets no %q", name, want)
				}
			}
			p.picture(t, name)
		}
	}
	if len(backgrounds) != 2 {
		t.Errorf("the backgrounds are %v, want one of each scheme", backgrounds)
	}
	p.form(t, 1280, "light")
}

// brokenWords returns the words of tables and buttons that stand on two lines. Long ones may.
func (p *statusPage) brokenWords(t *testing.T) []string {
	t.Helper()
	return script[[]string](t, p.ctx, `
		const broken = [], texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT)
		while (texts.nextNode()) {
			for (const word of texts.currentNode.data.matchAll(/[^ \n]+/g)) {
				const range = document.createRange()
				range.setStart(texts.currentNode, word.index)
				range.setEnd(texts.currentNode, word.index + word[0].length)
				if (word[0].length < 32 && range.getClientRects().length > 1) broken.push(word[0])
			}
		}
		return broken`)
}

// checkRejections draws a history of two samples, as the page has after a minute, and one of twelve.
func (p *statusPage) checkRejections(t *testing.T) {
	t.Helper()
	for _, c := range []struct{ samples, want string }{
		{"[0, 3]", "key_unknown now 3, at most 3"},
		{"[0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]", "key_unknown now 1, at most 4"}, // the sum of ten
	} {
		label := script[string](t, p.ctx, `
			const into = document.createElement('div'), samples = `+c.samples+`
			chart(into, samples.map((_, i) => 60 * i), overTime({key_unknown: samples}), 'Rejected')
			return into.querySelector('svg')?.getAttribute('aria-label') || into.textContent`)
		if !strings.Contains(label, c.want) {
			t.Errorf("the rejections %s are shown as %q, want %q", c.samples, label, c.want)
		}
	}
}

// closeByKeyboard closes the first socket with the keyboard alone. It keeps it open first.
func (p *statusPage) closeByKeyboard(t *testing.T) {
	t.Helper()
	p.shows(t, "sockets", "Close")
	script[bool](t, p.ctx, `document.activeElement.blur(); return true`)
	p.press(t, kb.Tab)
	button := p.focus(t)
	if !strings.HasPrefix(button, "Close socket ") || !strings.HasSuffix(button, ", outlined") {
		t.Fatalf("the first stop of Tab is %q, want the first button, outlined", button)
	}
	for _, step := range []struct{ key, focus, why string }{
		{kb.Enter, "Keep it open, outlined", "the harmless button of the dialog"},
		{kb.Tab, "Close the socket, outlined", "the next button"},
		{kb.Escape, button, "Escape ends the dialog, and the focus is back"},
		{kb.Enter, "Keep it open, outlined", "the dialog again"},
	} {
		p.press(t, step.key)
		if got := p.focus(t); got != step.focus {
			t.Errorf("after %q the focus is on %q, want %q (%s)", step.key, got, step.focus, step.why)
		}
	}
	asked := false
	for node := range p.tree(t) {
		asked = asked || strings.HasPrefix(node, "dialog Close socket ") && strings.HasSuffix(node, "The client may connect again.")
	}
	if !asked {
		t.Error("a screen reader gets no dialog with its question")
	}
	p.press(t, kb.Tab)
	p.press(t, kb.Enter)
	p.shows(t, "said", "was closed")
}
