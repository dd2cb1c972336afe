package e2e

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	devtools "github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// observer records what the pages of a browser request, and their errors.
type observer struct {
	ctx      context.Context
	mutex    sync.Mutex
	requests map[string][]string // URLs of scripts and stylesheets, by path
	problems []string
}

func observe(t *testing.T, ctx context.Context) *observer {
	t.Helper()
	o := &observer{ctx: ctx, requests: make(map[string][]string)}
	if err := chromedp.Listen(ctx, o.record); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *observer) record(event any) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	switch e := event.(type) {
	case *devtools.EventRequestWillBeSent:
		if e.Type == devtools.ResourceTypeScript || e.Type == devtools.ResourceTypeStylesheet {
			address, _ := url.Parse(e.Request.URL)
			o.requests[address.Path] = append(o.requests[address.Path], e.Request.URL)
		}
	case *devtools.EventResponseReceived:
		if e.Response.Status >= 400 && !isIcon(e.Response.URL) {
			o.problems = append(o.problems, fmt.Sprint(e.Response.Status, " ", e.Response.URL))
		}
	case *devtools.EventLoadingFailed:
		if !e.Canceled {
			o.problems = append(o.problems, fmt.Sprint(e.Type, " failed: ", e.ErrorText, e.BlockedReason))
		}
	case *runtime.EventExceptionThrown:
		o.problems = append(o.problems, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, argument := range e.Args {
				o.problems = append(o.problems, fmt.Sprint("console: ", string(argument.Value), argument.Description))
			}
		}
	case *log.EventEntryAdded:
		if (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) && !isIcon(e.Entry.URL) {
			o.problems = append(o.problems, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// isIcon reports the icon that browsers request of pages without one.
func isIcon(url string) bool { return strings.HasSuffix(url, "/favicon.ico") }

// visit loads a page, and waits for its scripts.
func (o *observer) visit(t *testing.T, url string) {
	t.Helper()
	if err := chromedp.Do(o.ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	o.mutex.Lock()
	clear(o.requests)
	o.mutex.Unlock()
	if err := chromedp.Do(o.ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("visiting %s: %v", url, err)
	}
}

// expectOnce reports scripts and stylesheets that were loaded twice since the visit, and the errors. It returns the paths.
func (o *observer) expectOnce(t *testing.T, when string) (paths []string) {
	t.Helper()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for path, urls := range o.requests {
		paths = append(paths, path)
		if len(urls) > 1 {
			t.Errorf("%s: %s is loaded %d times: %s", when, path, len(urls), strings.Join(urls, " "))
		}
	}
	o.reportProblems(t, when)
	return paths
}

// expectNoProblem reports the errors.
func (o *observer) expectNoProblem(t *testing.T, when string) {
	t.Helper()
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.reportProblems(t, when)
}

func (o *observer) reportProblems(t *testing.T, when string) {
	t.Helper()
	for _, problem := range o.problems {
		t.Errorf("%s: %s", when, problem)
	}
	o.problems = nil
}
