package admin_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

func TestDeltasAreReportedAndExplained(t *testing.T) {
	script := func(release int) string {
		var text strings.Builder
		fmt.Fprintf(&text, "const release = %d;\n", release)
		for line := range 200 {
			fmt.Fprintf(&text, "export const value%d = '%x';\n", line, sha256.Sum256([]byte{byte(line)}))
		}
		return text.String()
	}
	root := testsite.WriteTree(t, map[string]string{"main.js": script(1)})
	site := testsite.Start(t, fmt.Sprintf(`
		http://127.0.0.1
		versioned_assets {
			serve /static/ %s
			settle 50ms 400ms
			keep_directory %s
			deltas
		}
	`, root, t.TempDir()))
	path := func(release int) string { return "/static/main.js?v=" + testsite.Version(script(release)) }
	testsite.Eventually(t, "the first release archived", func() bool {
		testsite.Fetch(t, site, "GET", path(1))
		return ask[[]report.Assets](t, "GET", "assets", "")[0].Kept.Files == 1
	})
	testsite.WriteFile(t, root, "main.js", script(2))
	held := sha256.Sum256([]byte(script(1)))
	var length string
	testsite.Eventually(t, "a delta", func() bool {
		response, _ := testsite.Fetch(t, site, "GET", path(2), "Accept-Encoding", "gzip, dcz",
			"Available-Dictionary", ":"+base64.StdEncoding.EncodeToString(held[:])+":")
		length = response.Header.Get("Content-Length")
		return response.Header.Get("Content-Encoding") == "dcz"
	})
	before := ask[[]report.Assets](t, "GET", "assets", "")[0].Deltas
	unknown := sha256.Sum256([]byte("no version of the script"))
	testsite.Fetch(t, site, "GET", path(2), "Accept-Encoding", "gzip, dcz", "Available-Dictionary", ":"+base64.StdEncoding.EncodeToString(unknown[:])+":")
	reported := ask[[]report.Assets](t, "GET", "assets", "")[0].Deltas
	if reported != nil && (reported.Misses != before.Misses+1 || reported.HitRatio() == "" || reported.HitRatio() == "100 %") {
		t.Errorf("a dictionary of no version leaves %d misses of %d, ratio %q", reported.Misses, before.Misses, reported.HitRatio())
	}
	if reported == nil || reported.Responses != 1 || reported.SavedBytes < 1000 || reported.Held.Files != 1 || fmt.Sprint(reported.Held.Bytes) != length {
		t.Errorf("the deltas of the report are %+v, want one of %s bytes", reported, length)
	}
	explained := ask[report.Explanation](t, "GET", "explain?url="+url.QueryEscape("http://127.0.0.1"+path(2)), "").Deltas
	if len(explained) != 1 || explained[0].From != testsite.Version(script(1)) || fmt.Sprint(explained[0].Bytes) != length ||
		explained[0].InsteadOf <= explained[0].Bytes || explained[0].InsteadOf > int64(len(script(2))) {
		t.Errorf("the deltas of the explanation are %+v, want one of %s bytes from the first release", explained, length)
	}
	if earlier := ask[report.Explanation](t, "GET", "explain?url="+url.QueryEscape("http://127.0.0.1"+path(1)), ""); len(earlier.Deltas) != 0 {
		t.Errorf("the explanation of an earlier version has the deltas %+v", earlier.Deltas)
	}
}
