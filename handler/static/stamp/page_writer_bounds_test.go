package stamp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/static/stamp/markup"
)

// Decided bytes are written at once. Only an unfinished tag is withheld.
func TestPageWithholdsOnlyUnfinishedTags(t *testing.T) {
	t.Parallel()
	var out flushed
	p := New(testConfig()).PageWriter(&out, testPage)
	for _, c := range []struct{ write, want, why string }{
		{"<p>one", "<p>one", "text is decided"},
		{" two <", "<p>one two ", "< may begin a tag"},
		{"3 <im", "<p>one two <3 ", "<3 is text; <im may be a tag"},
		{`g src="/static/a.png`, "<p>one two <3 ", "the URL is incomplete"},
		{`">`, `<p>one two <3 <img src="/static/a.png?v=D">`, "the tag is complete"},
		{"<!-- a", `<p>one two <3 <img src="/static/a.png?v=D"><!-- a`, "comments are never rewritten"},
		{" --><script>x='", `<p>one two <3 <img src="/static/a.png?v=D"><!-- a --><script>x='`, "inline scripts are never rewritten"},
	} {
		if _, err := p.Write([]byte(c.write)); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != c.want {
			t.Errorf("after %q: %q, want %q (%s)", c.write, got, c.want, c.why)
		}
	}
	if out.flushes != 7 {
		t.Errorf("the writer below was flushed %d times, want 7", out.flushes)
	}
}

// Text of any length and references keep their order.
func TestPageKeepsOrder(t *testing.T) {
	t.Parallel()
	var page, want strings.Builder
	for length := 1; length < 3*maxGathered; length += 97 {
		text := strings.Repeat(string(rune('a'+length%26)), length)
		page.WriteString(text + "<img src=/static/a.png>")
		want.WriteString(text + "<img src=/static/a.png?v=D>")
	}
	for _, size := range []int{page.Len(), 1000, 5000} {
		if got := stamped(testConfig(), page.String(), size); got != want.String() {
			t.Errorf("in pieces of %d the page differs", size)
		}
	}
}

type flushed struct {
	bytes.Buffer
	flushes int
}

func (f *flushed) Flush() { f.flushes++ }

func TestPageTooLongToHold(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Scripts = true
	long := strings.Repeat("x", markup.MaxTag)
	for _, c := range []struct{ name, page, want, why string }{
		{"tag", `<img alt="` + long + `" src="/static/a.png"><img src="/static/b.png">`, `<img alt="` + long + `" src="/static/a.png"><img src="/static/b.png?v=D">`, "the long tag is skipped, and the next tag is stamped"},
		{"script tag", `<script alt="` + long + `" >"<img src=/static/a.png>"</script><img src=/static/b.png>`, `<script alt="` + long + `" >"<img src=/static/a.png>"</script><img src=/static/b.png?v=D>`, "the content of a long script tag is still raw text"},
		{"nearly", `<img src="/static/a.png" alt="` + long[40:] + `">`, `<img src="/static/a.png?v=D" alt="` + long[40:] + `">`, "the tag is not too long"},
		{"URL", `<img src="/static/` + long[:maxReference] + `">`, `<img src="/static/` + long[:maxReference] + `">`, "the URL is too long"},
		{"references", `<img alt=x src="/static/a.png?x&amp;` + long[:markup.MaxReferences] + `">`, `<img alt=x src="/static/a.png?x&amp;` + long[:markup.MaxReferences] + `">`, "a value with character references is too long"},
		{"deep", strings.Repeat("<svg>", 65) + "<img src=/static/a.png>", strings.Repeat("<svg>", 65) + "<img src=/static/a.png>", "deeper than the scanner follows"},
	} {
		for _, size := range []int{len(c.page), 1, 1000} {
			if got := stamped(config, c.page, size); got != c.want {
				t.Errorf("%s in pieces of %d: %d bytes, want %d (%s)", c.name, size, len(got), len(c.want), c.why)
			}
		}
	}
}

// A page holds at most 64 KB: 44 KB here, and 20 KB in the scanner (see package markup).
func TestPageMemory(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Scripts = true
	for _, begin := range []string{
		"<img alt='", "<img ", "<script>", "<style>a{b:url(", "<style>a{b:url('", "<style>", "<!--", "<svg><![CDATA[", "<title>",
		"<style>@import ", "<?", "</p ", "<style>/*", "<style>a{b:url( ",
	} {
		for _, more := range []string{"<", "x", "-", "]", " ", "&#x61;", "a='&amp;b' ", "\\", "/* ", "@"} {
			p := New(config).PageWriter(io.Discard, testPage)
			_, _ = p.Write([]byte(begin))
			for range 3 {
				_, _ = p.Write([]byte(strings.Repeat(more, 40<<10/len(more))))
			}
			_, _ = p.Write([]byte("'></style></script><img src=x>"))
			held := cap(p.held) + cap(p.gathered) + cap(p.memory.path) + cap(p.memory.with)
			if held > 44<<10 {
				t.Errorf("%s and many %q: %d bytes are held, want at most 44 KB", begin, more, held)
			}
		}
	}
}

func TestPageErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	p := New(testConfig()).PageWriter(failing{broken}, testPage)
	if _, err := p.Write([]byte("<p>")); !errors.Is(err, broken) {
		t.Errorf("Write = %v, want the error of the writer below", err)
	}
	if err := p.Flush(); !errors.Is(err, broken) {
		t.Errorf("Flush = %v, want the error of the writer below", err)
	}
	if err := p.Close(); !errors.Is(err, broken) {
		t.Errorf("Close = %v, want the error of the writer below", err)
	}
	p = New(testConfig()).PageWriter(io.Discard, testPage)
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Errorf("Close twice: %v", err)
	}
	if _, err := p.Write([]byte("x")); err == nil {
		t.Error("Write after Close did not fail")
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func pageOf(reference string) []byte {
	var page bytes.Buffer
	page.WriteString("<!doctype html><html><head><title>Orders</title>\n")
	for page.Len() < 100<<10 {
		page.WriteString(`<div class="card mb-3"><h2 id="order">Seat</h2><a href="/orders/12" data-id="12">Order</a><p>Two teas, one samosa.</p></div>` + "\n")
		if page.Len()%2048 < 128 {
			page.WriteString(`<img class="icon" src="` + reference + `" alt="">` + "\n")
		}
	}
	return page.Bytes()
}

func BenchmarkPage(b *testing.B) {
	for name, reference := range map[string]string{"Stamped": "/static/icons/tea.png?v=20260211", "Nothing": "/media/icons/tea.png"} {
		page := pageOf(reference)
		b.Run(name, func(b *testing.B) {
			s := New(testConfig())
			b.SetBytes(int64(len(page)))
			b.ReportAllocs()
			for b.Loop() {
				p := s.PageWriter(io.Discard, testPage)
				for rest := page; len(rest) > 0; {
					n := min(32<<10, len(rest))
					_, _ = p.Write(rest[:n])
					rest = rest[n:]
				}
				_ = p.Close()
			}
		})
	}
}

// Text without references to this site is scanned without allocations.
func TestPageWithoutReferencesAllocatesNothing(t *testing.T) {
	page := pageOf("/media/icons/tea.png")
	page = page[:bytes.LastIndexByte(page, '\n')+1]
	p := New(testConfig()).PageWriter(io.Discard, testPage)
	_, _ = p.Write(page)
	if allocations := testing.AllocsPerRun(20, func() { _, _ = p.Write(page) }); allocations > 0 {
		t.Errorf("Write makes %v allocations, want none", allocations)
	}
}
