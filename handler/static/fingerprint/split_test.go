package fingerprint_test

import (
	"testing"

	"github.com/scan2food/usher/handler/static/fingerprint"
)

func TestSplitName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ why, name, proved, before, after string }{
		{"Vite: the hash looks like a word", "assets/index-DiwrgTda.js", "", "assets/index-", ".js"},
		{"Vite: the hash holds a hyphen", "assets/index-D1-rgTd4.js", "", "assets/index-", ".js"},
		{"webpack adds text after the hash", "main.12c19cb3d4e5.chunk.js", "", "main.", ".chunk.js"},
		{"the proved token is the hash", "js/app.0a1b2c3d.deadbeef0123.js", "0a1b2c3d", "js/app.", ".deadbeef0123.js"},
		{"the name is only a hash", "assets/0a1b2c3d4e5f.js", "0a1b2c3d4e5f", "", ""},
		{"the directory is a hash", "0a1b2c3d4e5f/app.js", "", "", ""},
		{"no version", "js/application.js", "", "", ""},
		{"no extension", "LICENSE", "", "", ""},
		{"empty", "", "", "", ""},
	} {
		before, after, ok := fingerprint.SplitName(c.name, c.proved)
		if before != c.before || after != c.after || ok != (c.after != "") {
			t.Errorf("%s: %s is split into %q and %q (%t), want %q and %q", c.why, c.name, before, after, ok, c.before, c.after)
		}
	}
}
