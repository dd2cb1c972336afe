package markup

import (
	"fmt"
	"strings"
	"testing"
)

// tagsOf scans a page in pieces of a size, and returns its start tags with the values of their attributes.
func tagsOf(page string, size int) string {
	var scanner Scanner
	var tags []string
	held := ""
	for rest := page; rest != ""; {
		held += rest[:min(size, len(rest))]
		rest = rest[min(size, len(rest)):]
		data, i := []byte(held), 0
		for i < len(data) {
			next, tag, decided := scanner.Next(data, i, rest == "")
			if tag != nil {
				text := fmt.Sprint(tag.Element)
				for _, a := range tag.Attributes() {
					text += fmt.Sprintf(" %s=%s", data[a.Start:a.End], tag.Value(a).Text)
				}
				tags = append(tags, text)
			}
			i = next
			if !decided {
				break
			}
		}
		held = held[i:]
	}
	return strings.Join(tags, ", ")
}

func TestScannerReturnsStartTags(t *testing.T) {
	t.Parallel()
	tag := func(e Element, attributes string) string { return strings.TrimSpace(fmt.Sprint(e) + " " + attributes) }
	for _, c := range []struct{ name, page, want, why string }{
		{"attributes", `<img alt=x src="/a?b&amp;c" SRCSET='d'>`, tag(ImgElement, "/a?b&amp;c=/a?b&c d=d"), "named attributes in their order, with positions and decoded values"},
		{"duplicate", `<img src=a src=b>`, tag(ImgElement, "a=a"), "the first one counts"},
		{"end tag", `</img src=a>`, "", "only start tags are returned"},
		{"unnamed", `<p src=a>`, "", "the element loads nothing"},
		{"comment", `<!-- <img src=a> --><img src=b>`, tag(ImgElement, "b=b"), "a comment holds no tags"},
		{"raw text", `<script>"<img src=a>"</script><img src=b>`, tag(ScriptElement, "") + ", " + tag(ImgElement, "b=b"), "a script holds no tags"},
		{"unfinished", `<img src=a`, "", "the page ends within the tag"},
	} {
		for _, size := range []int{len(c.page), 1, 3} {
			if got := tagsOf(c.page, size); got != c.want {
				t.Errorf("%s in pieces of %d: %q, want %q (%s)", c.name, size, got, c.want, c.why)
			}
		}
	}
}

// A Value reuses its memory, which MaxReferences bounds.
func TestValueMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var v Value
	for _, reference := range []string{"&", "&#x61;", "&amp;b", "x"} {
		v.decode([]byte("&" + strings.Repeat(reference, (MaxReferences-1)/len(reference))))
	}
	if held := cap(v.decoded) + 2*cap(v.origins); held > 20<<10 {
		t.Errorf("a value holds %d bytes, want at most %d", held, 20<<10)
	}
}
