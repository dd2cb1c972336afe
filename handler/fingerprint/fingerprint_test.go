package fingerprint

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Its digests are those that md5sum, sha1sum and sha256sum print.
var hello = []byte("hello\n")

func TestProveName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, convention, why string }{
		{"css/styles.b1946ac92492.css", "md5", "Django: twelve digits before the extension"},
		{"main.b1946ac92492d2347c62.js", "md5", "longer"},
		{"b1946ac92492d2347c62.svg", "md5", "the whole stem"},
		{"app-f572d396fae9206628714fb2ce00f72e94f2258f.js", "sha1", "Sprockets: behind a hyphen"},
		{"index-5891b5b5.css", "sha256", "Vite 4: eight digits"},
		{"x.5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03.js", "sha256", "hashfs"},
		{"main.5891b5b5.chunk.js", "sha256", "in the middle"},
		{"index-5891b5b.css", "", "seven digits are 28 bits"},
		{"index-5891b5b6.css", "", "the last digit is wrong"},
		{"index-5891B5B5.css", "", "no tool writes upper case"},
		{"5891b5b5", "", "no extension, no convention"},
	} {
		proof, ok := Of(hello).ProveName(c.name)
		if ok != (c.convention != "") || proof.Convention != c.convention {
			t.Errorf("ProveName(%s) = %v %v, want %q (%s)", c.name, proof, ok, c.convention, c.why)
		}
	}
}

// lookalikes are names that look as if they held a digest, and hold none.
var lookalikes = strings.Fields(`jquery-3.7.1.min.js font-awesome.min.css bootstrap.bundle.js bootstrap.bundle.min.js photo-20240101.jpg
	IMG_20240101.jpg logo-20240608.png report.20240131.csv data.12345678.json apple-touch-icon.png safari-pinned-tab.svg
	mstile-150x150.png android-chrome-192x192.png favicon-32x32.png main-carousel.js live-dashboard.js sw-registration.js
	service-worker.js theatre-orders.js jquery-migrate.js Roboto-BoldItalic.woff2 RedHatDisplay-Regular.woff2
	fa-solid-900.woff2 inter-v12-latin-700.woff2 d3.v7.min.js moment-with-locales.min.js chunk-vendors.js
	readme-how-to-build.js en-US-strings.json select2-bootstrap.css leaflet.markercluster.js ag-grid-community.min.js
	v-calendar.umd.min.js deadbeef.js feedface.css de-facade.js a.b.c.accede.js worker.js translation.json app.bundle.js
	remoteEntry.js config.js asset-manifest.json registerSW.js manifest.webmanifest hero-image-1200x800.webp
	bootstrap5.bundle.js release-v20240101.js`)

func TestLookalikesAreNotProved(t *testing.T) {
	t.Parallel()
	for _, name := range append(lookalikes, "index-DdCDtH1A.js") {
		if proof, ok := Of(hello).ProveName(name); ok {
			t.Errorf("ProveName(%s) = %v", name, proof)
		}
	}
}

func TestStampProvesItself(t *testing.T) {
	t.Parallel()
	c := Of(hello)
	if c.Stamp() != "5891b5b522d5df08" {
		t.Errorf("Stamp() = %s", c.Stamp())
	}
	if _, ok := c.ProveToken(c.Stamp()); !ok {
		t.Error("the stamp is not proved")
	}
}

func TestContradicts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"styles.0123456789ab.css": true, "styles.b1946ac92492.css": false, "styles.css": false,
		"0123456789ab.css": false, "styles.0123456789.css": false,
	} {
		if got := Of(hello).Contradicts(name); got != want {
			t.Errorf("Contradicts(%s) = %v, want %v", name, got, want)
		}
	}
}

// Whatever is proved ceases to be when a byte changes.
func FuzzProveName(f *testing.F) {
	f.Add("styles.b1946ac92492.css", []byte("hello\n"))
	f.Add("index-5891b5b5.css", []byte("hello\n"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if _, ok := Of(content).ProveName(name); !ok || len(content) == 0 {
			return
		}
		changed := append([]byte(nil), content...)
		changed[0] ^= 1
		if proof, ok := Of(changed).ProveName(name); ok {
			t.Errorf("%q is proved of other bytes: %v", name, proof)
		}
	})
}
