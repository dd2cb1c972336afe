package fingerprint

import (
	"errors"
	"strings"
	"testing"
	"time"

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

// Names that look like hashes and are none.
func TestLookalikesAreNotProved(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`jquery-3.7.1.min.js font-awesome.min.css bootstrap.bundle.min.js photo-20240101.jpg
		IMG_20240101.jpg logo-20240608.png report.20240131.csv data.12345678.json apple-touch-icon.png safari-pinned-tab.svg
		mstile-150x150.png android-chrome-192x192.png favicon-32x32.png main-carousel.js live-dashboard.js sw-registration.js
		service-worker.js jquery-migrate.js Roboto-BoldItalic.woff2 RedHatDisplay-Regular.woff2 fa-solid-900.woff2
		inter-v12-latin-700.woff2 d3.v7.min.js moment-with-locales.min.js chunk-vendors.js readme-how-to-build.js
		en-US-strings.json select2-bootstrap.css leaflet.markercluster.js ag-grid-community.min.js v-calendar.umd.min.js
		deadbeef.js feedface.css de-facade.js worker.js app.bundle.js remoteEntry.js config.js asset-manifest.json
		registerSW.js manifest.webmanifest index-DdCDtH1A.js`) {
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

func TestReadManifest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, content, kind, output, why string }{
		{"Django 1.0", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.0"}`, "django", "a.27e20196a850.css", ""},
		{"Django 1.1", `{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.1","hash":"x"}`, "django", "a.27e20196a850.css", ""},
		{"Django unhashed", `{"paths":{"a.css":"a.css"},"version":"1.1"}`, "django", "", "its own name carries no version"},
		{"Django future", `{"paths":{},"version":"2.0"}`, "", "", "an unknown version"},
		{"Vite", `{"a.js":{"file":"assets/a-1.js","css":["assets/a-2.css"],"assets":["assets/w-3.js"]}}`, "vite", "assets/w-3.js", ""},
		{"PWA", `{"name":"app","icons":[]}`, "", "", "a web application's manifest"},
		{"no JSON", `nope`, "", "", "not JSON"},
		{"escape", `{"paths":{"a":"../../etc/passwd"},"version":"1.1"}`, "", "", "leaves the directory"},
		{"absolute", `{"a.js":{"file":"/etc/passwd"}}`, "", "", "leaves the directory"},
		{"backslash", `{"a.js":{"file":"..\\x"}}`, "", "", "leaves the directory on Windows"},
	} {
		m, err := ReadManifest([]byte(c.content))
		switch {
		case c.kind == "" && err == nil:
			t.Errorf("%s was taken (%s)", c.name, c.why)
		case c.kind != "" && (err != nil || m.Kind != c.kind):
			t.Errorf("%s: %v, %v", c.name, m, err)
		case c.output != "":
			if _, listed := m.Outputs[c.output]; !listed {
				t.Errorf("%s does not list %s: %v", c.name, c.output, m.Outputs)
			}
		case c.kind != "" && len(m.Outputs) > 0:
			t.Errorf("%s lists %v (%s)", c.name, m.Outputs, c.why)
		}
	}
	if _, err := ReadManifest([]byte(`{"name":"app"}`)); !errors.Is(err, ErrNoManifest) {
		t.Errorf("a web application's manifest: %v, want ErrNoManifest", err)
	}
	if _, err := ReadManifest(make([]byte, MaxManifest+1)); err == nil {
		t.Error("a manifest over the limit was taken")
	}
}

func TestVouches(t *testing.T) {
	t.Parallel()
	written := time.Date(2026, 2, 11, 12, 0, 0, 0, time.UTC)
	m := new(Manifest)
	if !m.Vouches(written, written) || !m.Vouches(written, written.Add(time.Second)) || m.Vouches(written, written.Add(time.Hour)) {
		t.Error("a manifest vouches for files of its own build, and for none that came an hour later")
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

// No output of a manifest leaves its directory.
func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(`{"paths":{"a.css":"a.27e20196a850.css"},"version":"1.1"}`))
	f.Add([]byte(`{"a.js":{"file":"assets/a-1.js","css":["../x"]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		m, err := ReadManifest(content)
		if err != nil {
			return
		}
		for output := range m.Outputs {
			if output == "" || output[0] == '/' || strings.Contains("/"+output+"/", "/../") || strings.Contains(output, `\`) {
				t.Errorf("an output leaves the directory: %q", output)
			}
		}
	})
}
