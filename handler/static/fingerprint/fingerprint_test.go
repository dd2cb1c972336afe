package fingerprint

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The digests of hello are those that md5sum, sha1sum and sha256sum print.
var hello = []byte("hello\n")

func TestProveName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, convention, why string }{
		{"css/styles.b1946ac92492.css", "md5", "Django: twelve digits before the extension"},
		{"main.b1946ac92492d2347c62.js", "md5", "webpack: twenty digits"},
		{"b1946ac92492d2347c62.svg", "md5", "the digest is the whole name"},
		{"app-f572d396fae9206628714fb2ce00f72e94f2258f.js", "sha1", "Sprockets: after a hyphen"},
		{"index-5891b5b5.css", "sha256", "Vite 4: eight digits"},
		{"x.5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03.js", "sha256", "hashfs"},
		{"main.5891b5b5.chunk.js", "sha256", "before a second extension"},
		{"index_5891b5b5.css", "sha256", "after an underscore"},
		{"app-d0e86c8b.js", "sha1", "Propshaft with Rails' default version"},
		{"app-0c84951b.js", "sha1", "Propshaft with the version of Rails' generated file"},
		{"index-5891b5b.css", "", "seven digits are 28 bits"},
		{"index-5891b5b6.css", "", "the last digit is wrong"},
		{"index-5891B5B5.css", "", "no tool writes upper case"},
		{"5891b5b5", "", "no convention omits the extension"},
	} {
		proof, ok := Of(hello).ProveName(c.name)
		if ok != (c.convention != "") || proof.Convention != c.convention {
			t.Errorf("ProveName(%s) = %v %v, want %q (%s)", c.name, proof, ok, c.convention, c.why)
		}
	}
}

// The list of endpoints of a published ASP.NET site has this pair of fingerprint and SHA-256.
func TestEndpointFingerprint(t *testing.T) {
	t.Parallel()
	sum, err := base64.StdEncoding.DecodeString("iVWoChGjl2feLXs/I3UikS7s0wKMuTi2O/A6soY4+R4=")
	if err != nil {
		t.Fatal(err)
	}
	if got := endpointFingerprint(sum[:9]); got != "70jlngu3el" {
		t.Errorf("endpointFingerprint = %s, want 70jlngu3el", got)
	}
	if got := endpointFingerprint([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}); got != "1000000000" {
		t.Errorf("endpointFingerprint(1) = %s", got)
	}
	if got := endpointFingerprint([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255}); got != "1000000000" {
		t.Errorf("endpointFingerprint(-1) = %s", got)
	}
}

// webpack hashes a script with a source map without the name of the script.
func TestProveWithoutItself(t *testing.T) {
	t.Parallel()
	const script = "run()\n//# sourceMappingURL=main..js.map"
	token := md4Sum([]byte(script))[:20]
	named := strings.Replace(script, "main.", "main."+token, 1)
	proof, ok := Of([]byte(named)).ProveName("main." + token + ".js")
	if !ok || proof != (Proof{"md4", token}) {
		t.Errorf("%v %v, want md4", proof, ok)
	}
	if proof, ok := Of([]byte(named + " ")).ProveName("main." + token + ".js"); ok {
		t.Errorf("changed content is proved: %v", proof)
	}
	if proof, ok := Of([]byte(named)).ProveToken(token); ok {
		t.Errorf("the token is proved in a query, where no tool writes it: %v", proof)
	}
}

// Only the digests that fit the shape of a token are computed, and each only once.
func TestDigestsAreComputedOnDemand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		token string
		want  []digest
	}{
		{"css", nil},
		{"20260211", []digest{sha256Hex, sha256Base64URL, bunBase32, parcelHex, sha1Hex, md5Hex, md4Hex, xxh64Hex, xxh3Hex, xxh3Base36, xxh3Base64}},
		{"carousel", []digest{sha256Base64URL, xxh3Base36, xxh3Base64}},
		{"V3OQCC4N", []digest{sha256Base64URL, xxh64Base32, xxh3Base64}},
		{"live-dashboard", []digest{sha256Base64URL, xxh3Base64}},
		{strings.Repeat("0", 64), []digest{sha256Hex, sprocketsHex}},
		{strings.Repeat("0", 65), nil},
		{strings.Repeat("0", 129), nil},
	} {
		content := Of(hello)
		content.ProveToken(c.token)
		for d := range digestCount {
			computed := content.sums.Load() != nil && content.sums.Load()[d] != nil
			if computed != slices.Contains(c.want, d) {
				t.Errorf("%s: digest %d computed: %v", c.token, d, computed)
			}
		}
		before := content.sums.Load()
		content.ProveToken(c.token)
		if content.sums.Load() != before {
			t.Errorf("%s: computed again", c.token)
		}
	}
}

// Concurrent requests compute a digest once, and a later ProveToken allocates nothing.
func TestProveTokenConcurrently(t *testing.T) {
	content := Of(hello)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, ok := content.ProveToken("b1946ac92492"); !ok {
				t.Error("the digest is not proved")
			}
		})
	}
	group.Wait()
	if n := testing.AllocsPerRun(100, func() { content.ProveToken("20260211") }); n != 0 {
		t.Errorf("%v allocations for a version, want none", n)
	}
}

// A token with one digit less than the minimum of a convention is not proved.
func TestProofsAreLongEnough(t *testing.T) {
	t.Parallel()
	content := Of(hello)
	for _, convention := range conventions {
		if convention.least < 8 && convention.digest != xxh128Base64URL { // 42 bits
			t.Errorf("%s: %d digits are no proof", convention.name, convention.least)
		}
		for _, sum := range content.sum(convention.digest) {
			if _, ok := content.ProveToken(sum[:convention.least]); !ok {
				t.Errorf("%s: %s is not proved", convention.name, sum[:convention.least])
			}
			if proof, ok := content.ProveToken(sum[:convention.least-1]); ok {
				t.Errorf("%s: %s is proved: %v", convention.name, sum[:convention.least-1], proof)
			}
		}
	}
}

// lookalikes are names that look versioned and hold no digest.
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

// FuzzProveName checks that a proved name is not proved after a byte of the content changed.
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
			t.Errorf("%q is proved for changed content: %v", name, proof)
		}
	})
}
