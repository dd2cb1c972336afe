// Package plot draws bar charts as SVG, for the README of the benchmarks.
package plot

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Bar is one value of a panel.
type Bar struct {
	Label string
	// Value is the length of the bar. Zero and less draw no bar.
	Value float64
	// Text stands behind the bar. Empty prints Value with up to three digits.
	Text string
	// Highlight draws the bar in the color of usher. Other bars are gray.
	Highlight bool
}

// Panel is a group of bars with a scale of its own, which begins at zero.
type Panel struct {
	// Title names the quantity and the unit.
	Title string
	Bars  []Bar
}

// The sizes are in pixels.
const (
	width      = 760
	margin     = 16
	rowHeight  = 22
	barHeight  = 14
	textWidth  = 80 // room for the text behind the longest bar
	charWidth  = 6.6
	labelLimit = 300
)

// Both color schemes of the reader are supported, also where a page shows the file as an image.
const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #1d1c1a }
.title { font-size: 15px; font-weight: 600 }
.panel { font-weight: 600 }
.soft { fill: #6b6862 }
.bar { fill: #b9b4aa }
.own { fill: #0a7d55 }
.ground { fill: #fff }
@media (prefers-color-scheme: dark) {
text { fill: #eeece6 }
.soft { fill: #a19d94 }
.bar { fill: #5f5b54 }
.own { fill: #4cc38a }
.ground { fill: #161615 }
}
</style>
`

// SVG returns an image of the panels, one below the other. Note stands under the title, for the date, the machine and the versions.
func SVG(title, note string, panels ...Panel) []byte {
	labels := labelWidth(panels)
	scale := float64(width - 2*margin - labels - textWidth)
	var body bytes.Buffer
	y := margin + 14
	text(&body, "title", "start", margin, y, title)
	if note != "" {
		y += 18
		text(&body, "soft", "start", margin, y, note)
	}
	for _, panel := range panels {
		y += 32
		text(&body, "panel", "start", margin, y, panel.Title)
		y += 8
		longest := 0.0
		for _, bar := range panel.Bars {
			longest = max(longest, bar.Value)
		}
		for _, bar := range panel.Bars {
			middle := y + rowHeight/2 + 4
			text(&body, "", "end", margin+labels-8, middle, bar.Label)
			length := 0.0
			if bar.Value > 0 {
				length = max(bar.Value/longest*scale, 1)
				class := "bar"
				if bar.Highlight {
					class = "own"
				}
				fmt.Fprintf(&body, `<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>`+"\n",
					class, margin+labels, y+(rowHeight-barHeight)/2, length, barHeight)
			}
			text(&body, "soft", "start", margin+labels+int(length)+6, middle, cmp.Or(bar.Text, number(bar.Value)))
			y += rowHeight
		}
	}
	height := y + margin
	var image bytes.Buffer
	fmt.Fprintf(&image, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="%s">`+"\n",
		width, height, escape(title))
	image.WriteString(style)
	fmt.Fprintf(&image, `<rect class="ground" width="%d" height="%d"/>`+"\n", width, height)
	image.Write(body.Bytes())
	image.WriteString("</svg>\n")
	return image.Bytes()
}

// labelWidth returns the width of the longest label, by an estimate of the width of a character.
func labelWidth(panels []Panel) int {
	longest := 0
	for _, panel := range panels {
		for _, bar := range panel.Bars {
			longest = max(longest, utf8.RuneCountInString(bar.Label))
		}
	}
	return min(int(float64(longest)*charWidth)+12, labelLimit)
}

func text(body *bytes.Buffer, class, anchor string, x, y int, content string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(body, `<text%s text-anchor="%s" x="%d" y="%d">%s</text>`+"\n", class, anchor, x, y, escape(content))
}

// number formats a value with three digits at least, and without an exponent.
func number(value float64) string {
	switch {
	case value >= 100 || value == float64(int(value)):
		return strconv.FormatFloat(value, 'f', 0, 64)
	case value >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}

func escape(s string) string {
	var escaped bytes.Buffer
	_ = xml.EscapeText(&escaped, []byte(s)) // a bytes.Buffer returns no error
	return escaped.String()
}
