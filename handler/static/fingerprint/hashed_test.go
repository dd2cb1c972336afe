package fingerprint

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// hashPlaces are where build tools put a hash.
var hashPlaces = []string{"index-%s.css", "main.%s.js", "4.%s.chunk.js", "chunks/%s.js"}

// The hashes are those of Vite 8, and random ones in the alphabets of other tools.
func TestHashesOfBuildToolsAreRecognized(t *testing.T) {
	t.Parallel()
	const least = 0.98 // the others read like names
	random := rand.New(rand.NewPCG(1, 2))
	hashes := func(alphabet string) (hashes []string) {
		for range 20000 {
			hash := make([]byte, usualToken)
			for i := range hash {
				hash[i] = alphabet[random.IntN(len(alphabet))]
			}
			hashes = append(hashes, string(hash))
		}
		return hashes
	}
	vite, err := os.ReadFile("testdata/vite-8-hashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	const small, digits = "abcdefghijklmnopqrstuvwxyz", "0123456789"
	capitals := strings.ToUpper(small)
	for _, c := range []struct {
		tool   string
		hashes []string
	}{
		{"Vite 8", strings.Fields(string(vite))},
		{"hexadecimal", hashes(digits + "abcdef")},
		{"base64url", hashes(small + capitals + digits + "-_")},
		{"base36", hashes(small + digits)},
		{"base32", hashes(capitals + "234567")},
	} {
		for _, place := range hashPlaces {
			isNumbered := place == "chunks/%s.js" // a file that has only a number for a name
			count, found := 0, 0
			for _, hash := range c.hashes {
				if isNumbered && isNumber(hash) {
					continue
				}
				count++
				if MayBeHashed(fmt.Sprintf(place, hash)) {
					found++
				}
			}
			if float64(found) < least*float64(count) {
				t.Errorf("%s: %d of %d are recognized in %s, want %v", c.tool, found, count, place, least)
			}
		}
	}
}

func TestOutputsOfBuildToolsAreRecognized(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields(`main.27203f26.js 4.1449771d.chunk.js index-BSIylbRd.css index-DA-zLOch.js ebv81Ld-.js lazy-CBeRgBTu.css
		foo-12345678.js main.97760f86ff.css app-1a2b3c4.css main.83de4a4a.min.js deep/index.e_IwNBSz.css lazy-arnwygxd.js`) {
		if !MayBeHashed(name) {
			t.Errorf("%s is not recognized", name)
		}
	}
}

// Names that a person gave are stamped.
func TestOrdinaryNamesAreNotHashed(t *testing.T) {
	t.Parallel()
	names := slices.Concat(unversioned, lookalikes, strings.Fields(`theme-settings.js chat-messages.css bootstrap.bundle.min.js
		jquery-3.6.0.min.js report-20260211.js report-11022026.js report-02112026.js jquery.dataTables.min.js moment-timezone.js select2.full.js utf8-decode.js
		base64.js font-awesome5.css leaflet-1.9.4.css vendor/select2/select2.full.min.js admin/RelatedObjectLookups.js
		DateTimeShortcuts.js responsive_rtl.css nav_sidebar.css unusable_password_field.js cancel.js popup_response.js xregexp.min.js
		bootstrap-datetimepicker.js jquery-hotkeys.js lightbox.css workflow.js postgres.js pygments.css isRegExp.js
		json2csv.js s3upload.js ReactDOM.js JSONEdit.js DataGrid.js lazyLoad.js iPadIcon.png 12345678.jpg my-Theme.css
		site-my-theme.css hero-640x1136.webp cafe2024.css facade12.js page-decoded.js webpack5.js log-1700000000.js`))
	doubtful := []string{"data.12345678.json", "face2face.js", "UIKitCSS.css"} // hashes look like these
	for _, name := range names {
		if MayBeHashed(name) && !slices.Contains(doubtful, name) {
			t.Errorf("%s is taken for the output of a build tool", name)
		}
	}
}

// Recognition only adds to LooksVersioned, and depends on the last element of a path alone.
func FuzzMayBeHashed(f *testing.F) {
	for _, name := range []string{"index-BSIylbRd.css", "main.27203f26.js", "a-D-N1TzJ2.js", "-_-_-_-_.js", "x-AZaz09-_.css", "é-é123456.js", "."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		may := MayBeHashed(name)
		if LooksVersioned(name) && !may {
			t.Errorf("%q looks versioned, and may not be hashed", name)
		}
		if name != "" && !strings.HasSuffix(name, "/") && MayBeHashed("deep/"+name) != may {
			t.Errorf("%q below a directory is judged differently", name)
		}
		for rest := name; rest != ""; {
			run, after := cutRun(rest)
			if run == "" || run+after != rest {
				t.Fatalf("cutRun(%q) = %q, %q", rest, run, after)
			}
			rest = after
		}
	})
}
