package plot

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestSVG(t *testing.T) {
	t.Parallel()
	image := SVG("Visits & bytes", "two cores", Panel{Title: "after a deploy, KB", Bars: []Bar{
		{Label: "usher <deltas>", Value: 0.2, Highlight: true},
		{Label: "nginx", Value: 26.3},
		{Label: "not measured", Text: "–"},
	}})
	var parsed struct {
		Rects []struct {
			Class string  `xml:"class,attr"`
			Width float64 `xml:"width,attr"`
		} `xml:"rect"`
		Texts []string `xml:"text"`
	}
	if err := xml.Unmarshal(image, &parsed); err != nil {
		t.Fatalf("%v\n%s", err, image)
	}
	if len(parsed.Rects) != 3 || parsed.Rects[1].Class != "own" || parsed.Rects[2].Class != "bar" {
		t.Fatalf("want the ground, one bar of usher and one of a peer, got %+v", parsed.Rects)
	}
	if ratio := parsed.Rects[2].Width / parsed.Rects[1].Width; ratio < 100 || ratio > 160 {
		t.Errorf("the bars have the ratio %.0f, want about 26.3 / 0.2", ratio)
	}
	want := []string{"Visits & bytes", "two cores", "after a deploy, KB", "usher <deltas>", "0.20", "nginx", "26.3", "not measured", "–"}
	if got := strings.Join(parsed.Texts, "|"); got != strings.Join(want, "|") {
		t.Errorf("texts: got %s, want %s", got, strings.Join(want, "|"))
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{0: "0", 0.25: "0.25", 9: "9", 26.3: "26.3", 135317.4: "135317"} {
		if got := number(value); got != want {
			t.Errorf("number(%v) = %s, want %s", value, got, want)
		}
	}
}
