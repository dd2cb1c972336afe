package fingerprint

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestJudgeVersion(t *testing.T) {
	t.Parallel()
	files := tree{"manifest.json": {`{"a.js":"/static/a.js?12c19cb38134d1dfcd8c"}`, built}, "a.js": {"x", built}}
	survey := files.survey(t)
	if got := survey.JudgeVersion(files.file("a.js"), "12c19cb38134d1dfcd8c"); got.Evidence != ByManifest {
		t.Errorf("%+v, want evidence by the manifest", got)
	}
	for _, token := range []string{"", "20260211", "12c19cb38134d1df"} {
		if got := survey.JudgeVersion(files.file("a.js"), token); got != (Finding{}) {
			t.Errorf("JudgeVersion(%q) = %+v", token, got)
		}
	}
	if got := survey.Judge(files.file("a.js")); got != (Finding{}) {
		t.Errorf("without the version: %+v, want no evidence", got)
	}
	files["a.js"] = entry{"y", built.Add(time.Hour)}
	if got := survey.JudgeVersion(files.file("a.js"), "12c19cb38134d1dfcd8c"); got.Doubt != ManifestOlder {
		t.Errorf("edited: %+v, want the doubt ManifestOlder", got)
	}
}

// Names that look versioned are no evidence in the directories of frameworks and in manifests.
func TestLookalikesAreNotJudged(t *testing.T) {
	t.Parallel()
	files := tree{
		"_app/version.json": {"x", built}, "_nuxt/builds/latest.json": {"x", built},
		"_next/static/x/_buildManifest.js": {"x", built}, "_next/static/x/_ssgManifest.js": {"x", built},
	}
	listed := make([]string, 0, len(lookalikes))
	for _, name := range lookalikes {
		for _, dir := range []string{"", "_astro/", "_app/immutable/", "_nuxt/", "_next/static/chunks/"} {
			files[dir+name] = entry{"{}", built}
		}
		listed = append(listed, fmt.Sprintf(`"%s":{"file":"%s","src":"%s","css":["%s"]}`, name, name, name, name))
	}
	files[".vite/manifest.json"] = entry{"{" + strings.Join(listed, ",") + "}", built}
	survey := files.survey(t)
	for path := range files {
		if got := survey.Judge(files.file(path)); got != (Finding{}) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

// Nearly all of 301 tokens by Vite 8 look like digests. A manifest is no evidence for the others.
func TestLooksLikeDigest(t *testing.T) {
	t.Parallel()
	samples, err := os.ReadFile("testdata/vite-8-hashes.txt")
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for token := range strings.FieldsSeq(string(samples)) {
		if !looksLikeDigest(token) {
			missed++ // for example Cuytso_W
		}
	}
	if missed > 6 {
		t.Errorf("%d digests look like words, want at most 6", missed)
	}
}

// Two files with the same content have the same digest. An edit of one of them is detected.
func TestJudgeSharedDigest(t *testing.T) {
	t.Parallel()
	token := md5Of("hello\n")[:12]
	manifest := `{"version":"1.1","paths":{"a/x.css":"a/x.` + token + `.css","b/x.css":"b/x.` + token + `.css"}}`
	files := tree{"staticfiles.json": {manifest, built}, "a/x." + token + ".css": {"hello\n", built}, "b/x." + token + ".css": {"edited\n", built}}
	survey := files.survey(t)
	if got := survey.Judge(files.file("a/x." + token + ".css")); got.Evidence != ByDigest {
		t.Errorf("%+v, want evidence by digest", got)
	}
	if got := survey.Judge(files.file("b/x." + token + ".css")); got.Doubt != OtherBytes {
		t.Errorf("%+v, want the doubt OtherBytes", got)
	}
}
