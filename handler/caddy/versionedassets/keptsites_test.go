package versionedassets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/caddy/versionedassets"
	"github.com/scan2food/usher/internal/testsite"
)

// vouchedSite serves directories whose scripts are immutable as the operator says.
func vouchedSite(t *testing.T, address, kept, serve string) *testsite.Site {
	t.Helper()
	return testsite.Start(t, vouched(address, kept, serve))
}

func vouched(address, kept, serve string) string {
	return fmt.Sprintf("%s {\nversioned_assets {\n%s\nkeep_directory %s\nimmutable *.js\nsettle 20ms 50ms\nexplain\n}\n}\n", address, serve, kept)
}

// cacheOf returns the Cache-Control of a URL once its file has been quiet.
func cacheOf(t *testing.T, site *testsite.Site, url string, headers ...string) (cache string) {
	t.Helper()
	testsite.Eventually(t, url+" is decided", func() bool {
		response, _ := testsite.Fetch(t, site, "GET", url, headers...)
		cache = response.Header.Get("Cache-Control")
		return cache == yearLong || strings.Contains(response.Header.Get("Cache-Status"), "immutable with other content")
	})
	return cache
}

// A URL that was given out for other content is not immutable again after the words of the site changed. Other URLs are.
func TestPromisesOfOtherHostsAndPrefixes(t *testing.T) {
	t.Parallel()
	const name = "/s/imm/x.js"
	for _, c := range []struct {
		name           string
		before, after  string // the address, or a whole site with the words of kept and root
		serves, server string // the words of serve
		want, why      string
	}{
		{"alias", "http://127.0.0.1", "http://127.0.0.1, http://localhost", "serve /s/ ROOT", "serve /s/ ROOT", revalidate, "127.0.0.1 stays a host"},
		{"alias removed", "http://127.0.0.1, http://localhost", "http://127.0.0.1", "serve /s/ ROOT", "serve /s/ ROOT", revalidate, "127.0.0.1 was a host"},
		{"every host", "http://127.0.0.1", "http://", "serve /s/ ROOT", "serve /s/ ROOT", revalidate, "127.0.0.1 is one of them"},
		{"one of every host", "http://", "http://127.0.0.1", "serve /s/ ROOT", "serve /s/ ROOT", revalidate, "127.0.0.1 was one of them"},
		{"wildcard", "http://*.0.0.1", "http://127.0.0.1", "serve /s/ ROOT", "serve /s/ ROOT", revalidate, "127.0.0.1 matches the wildcard"},
		{"narrower prefix", "http://127.0.0.1", "http://127.0.0.1", "serve /s/ ROOT", "serve /s/ ROOT\nserve /s/imm/ ROOT/imm", revalidate, "/s/ had the URL"},
		{"prefix joined", "http://127.0.0.1", "http://127.0.0.1", "serve /s/ ROOT\nserve /s/imm/ ROOT/imm", "serve /s/ ROOT", revalidate, "/s/imm/ had the URL"},
		{"wider prefix", "http://127.0.0.1", "http://127.0.0.1", "serve /s/ ROOT", "serve / ABOVE", revalidate, "/s/ had the URL"},
		{"other host", "http://localhost", "http://127.0.0.1", "serve /s/ ROOT", "serve /s/ ROOT", yearLong, "another site gave it out"},
		{"other prefix", "http://127.0.0.1", "http://127.0.0.1", "serve /t/ ROOT", "serve /s/ ROOT", yearLong, "another URL was given out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kept, above := t.TempDir(), testsite.WriteTree(t, map[string]string{"s/imm/x.js": "one"})
			words := strings.NewReplacer("ROOT", filepath.Join(above, "s"), "ABOVE", above)
			before := vouchedSite(t, c.before, kept, words.Replace(c.serves))
			url := name
			if strings.Contains(c.serves, "/t/") {
				url = "/t/imm/x.js"
			}
			host := "127.0.0.1"
			if c.before == "http://localhost" {
				host = "localhost"
			}
			if got := cacheOf(t, before, url, "Host", host); got != yearLong {
				t.Fatalf("at first: %q", got)
			}
			before.Unload()
			testsite.WriteFile(t, above, "s/imm/x.js", "two")
			for range 2 { // the second is a restart
				after := vouchedSite(t, c.after, kept, words.Replace(c.server))
				if got := cacheOf(t, after, name); got != c.want {
					t.Errorf("%q, want %q (%s)", got, c.want, c.why)
				}
				after.Unload()
			}
		})
	}
}

// The URL counts, with what handle_path removes from it.
func TestPromisesBelowHandlePath(t *testing.T) {
	t.Parallel()
	kept, root := t.TempDir(), testsite.WriteTree(t, map[string]string{"x.js": "one"})
	words := "keep_directory " + kept + "\nimmutable *.js\nsettle 20ms 50ms\nexplain"
	before := testsite.Start(t, fmt.Sprintf("http://127.0.0.1 {\nhandle_path /shop/* {\nversioned_assets {\nserve /s/ %s\n%s\n}\n}\n}", root, words))
	if got := cacheOf(t, before, "/shop/s/x.js"); got != yearLong {
		t.Fatalf("at first: %q", got)
	}
	before.Unload()
	testsite.WriteFile(t, root, "x.js", "two")
	if got := cacheOf(t, vouchedSite(t, "http://127.0.0.1", kept, "serve /shop/s/ "+root), "/shop/s/x.js"); got != revalidate {
		t.Errorf("%q, want no-cache", got)
	}
}

// Two sites of one configuration with equal paths and other hosts do not disturb each other.
func TestSitesWithEqualPathsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	one, two := testsite.WriteTree(t, map[string]string{"x.js": "one"}), testsite.WriteTree(t, map[string]string{"x.js": "two"})
	for range 2 {
		site := testsite.Start(t, vouched("http://127.0.0.1", kept, "serve /s/ "+one)+vouched("http://localhost", kept, "serve /s/ "+two))
		for _, host := range []string{"127.0.0.1", "localhost"} {
			if got := cacheOf(t, site, "/s/x.js", "Host", host); got != yearLong {
				t.Errorf("%s: %q", host, got)
			}
		}
		site.Unload()
	}
}

// A file that another `serve` line hides is no other content of its URL.
func TestHiddenCopyBreaksNoPromise(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	whole, part := testsite.WriteTree(t, map[string]string{"imm/x.js": "copy", "y.js": "y"}), testsite.WriteTree(t, map[string]string{"x.js": "one"})
	for range 2 {
		site := vouchedSite(t, "http://127.0.0.1", kept, fmt.Sprintf("serve /s/ %s\nserve /s/imm/ %s", whole, part))
		for _, url := range []string{"/s/y.js", "/s/imm/x.js"} {
			if got := cacheOf(t, site, url); got != yearLong {
				t.Errorf("%s: %q", url, got)
			}
		}
		site.Unload()
		if lines := site.Logs.With("immutable URLs have other content; now no-cache"); len(lines) > 0 {
			t.Errorf("logged: %v", lines)
		}
	}
}

func glob(t *testing.T, directory, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(directory, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s (%v)", pattern, err)
	}
	return found
}

// A site goes on with its archive when its hosts change, also after a restart.
func TestArchiveOfASiteWhoseHostsChanged(t *testing.T) {
	t.Parallel()
	for _, addresses := range [][]string{
		{"http://127.0.0.1", "http://127.0.0.1, http://localhost", "http://localhost, http://127.0.0.1", "http://", "http://127.0.0.1"},
		{"http://127.0.0.1, http://localhost", "http://127.0.0.1", "http://127.0.0.1, http://example.com"},
		{"http://", "http://127.0.0.1", "http://"},
	} {
		t.Run(addresses[0], func(t *testing.T) {
			t.Parallel()
			kept, root := t.TempDir(), testsite.WriteTree(t, map[string]string{"a.txt": "one"})
			last := vouchedSite(t, addresses[0], kept, "serve /s/ "+root)
			first := "/s/a.txt?v=" + testsite.Version("one")
			testsite.Eventually(t, "the first version archived", func() bool {
				testsite.Fetch(t, last, "GET", first)
				entries, _ := filepath.Glob(filepath.Join(kept, "*", "entries", "*"))
				return len(entries) > 0
			})
			last.Unload()
			testsite.WriteFile(t, root, "a.txt", "two")
			for _, address := range slices.Repeat(addresses[1:], 2) {
				next := vouchedSite(t, address, kept, "serve /s/ "+root)
				last.Unload() // after a reload, or again after a restart
				if response, body := testsite.Fetch(t, next, "GET", first); body != "one" || response.Header.Get("Cache-Control") != yearLong {
					t.Errorf("%s: %q with %q, want the first version", address, body, response.Header.Get("Cache-Control"))
				}
				if last = next; address == addresses[1] {
					last.Unload()
				}
			}
			if found := glob(t, kept, "*"); len(found) != 1 {
				t.Errorf("%d archives, want one: %q", len(found), found)
			}
		})
	}
}

// A site does not go on with the archive of another site of the configuration.
func TestArchiveOfAnotherSiteIsNotTaken(t *testing.T) {
	t.Parallel()
	kept, root := t.TempDir(), testsite.WriteTree(t, map[string]string{"a.txt": "one"})
	own := vouched("http://127.0.0.1", kept, "serve /s/ "+root)
	for _, other := range []string{"http://localhost, http://127.0.0.1:81", "http://*.0.0.1"} {
		testsite.Start(t, own).Unload()
		testsite.Start(t, vouched(other, kept, "serve /s/ "+root)+own).Unload()
	}
	if names := glob(t, kept, "*"); len(names) != 3 {
		t.Errorf("the archives are %q, want three", names)
	}
}

// Roots behind matchers have the same hosts and prefix. Each finds its own archive again.
func TestRootsBehindMatchersKeepTheirArchives(t *testing.T) {
	t.Parallel()
	kept := t.TempDir()
	root := map[string]string{"a": testsite.WriteTree(t, map[string]string{"main.txt": "a"}), "b": testsite.WriteTree(t, map[string]string{"main.txt": "b"})}
	config := func(address, first, second string) string {
		return fmt.Sprintf("%s\n@%s header X-Site %[2]s\nhandle @%[2]s {\nversioned_assets {\nserve /s/ %s\nkeep_directory %s\n}\n}\n"+
			"handle {\nversioned_assets {\nserve /s/ %s\nkeep_directory %[4]s\n}\n}", address, first, root[first], kept, root[second])
	}
	testsite.Start(t, config("http://127.0.0.1", "a", "b")).Unload()
	records := func() (roots []string) {
		for _, record := range glob(t, kept, "*/site") {
			content, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(string(content), `"root":`)
			roots = append(roots, after)
		}
		return roots
	}
	before := records()
	testsite.Start(t, config("http://127.0.0.1", "b", "a")).Unload()
	testsite.Start(t, config("http://127.0.0.1, http://localhost", "a", "b")).Unload()
	if after := records(); !slices.Equal(after, before) {
		t.Errorf("the archives are of %q, were of %q", after, before)
	}
}

// A configuration that does not start leaves the directories as they were.
func TestFailedReloadKeepsArchives(t *testing.T) {
	t.Parallel()
	kept, root := t.TempDir(), testsite.WriteTree(t, map[string]string{"a.txt": "one"})
	site := vouchedSite(t, "http://127.0.0.1", kept, "serve /s/ "+root)
	state := func() string {
		var content []string
		for _, file := range glob(t, kept, "*/site") {
			text, err := os.ReadFile(file)
			content = append(content, fmt.Sprint(file, string(text), err))
		}
		return strings.Join(append(content, glob(t, kept, "*")...), "\n")
	}
	before := state()
	failed, err := testsite.Provision(t, vouched("http://127.0.0.1, http://localhost", kept, "serve /s/ "+root+"\nserve /t/ "+root))
	if err != nil {
		t.Fatal(err)
	}
	failed.Unload()
	if after := state(); after != before {
		t.Errorf("the directories are\n%s\nwere\n%s", after, before)
	}
	if response, _ := testsite.Fetch(t, site, "GET", "/s/a.txt"); response.StatusCode != 200 {
		t.Error(response.Status)
	}
}

func TestHostsInCommon(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b               []string
		equal, overlapping int
		why                string
	}{
		{[]string{"a.com", "b.com"}, []string{"b.com", "c.com"}, 1, 1, "b.com"},
		{[]string{"a.com"}, []string{"b.com"}, 0, 0, "other names"},
		{[]string{"a.com"}, []string{"any:8080"}, 0, 1, "every host"},
		{[]string{"any"}, []string{"a.com", "b.com"}, 0, 2, "every host"},
		{[]string{"any:8080"}, []string{"any:8081"}, 0, 0, "the ports tell two sites of every host apart"},
		{[]string{"any:8080"}, []string{"any:8080"}, 1, 1, "the same site"},
		{[]string{"*.a.com"}, []string{"x.a.com", "x.y.a.com", "a.com", "*.b.com"}, 0, 1, "a wildcard is one label"},
		{[]string{"x.*.com"}, []string{"*.a.com"}, 0, 1, "x.a.com"},
		{[]string{"{env.HOST}"}, []string{"a.com"}, 0, 1, "a placeholder may be any host"},
	} {
		equal, overlapping := versionedassets.HostsInCommon(c.a, c.b)
		if equal != c.equal || overlapping != c.overlapping {
			t.Errorf("%q and %q: %d equal, %d overlap, want %d, %d (%s)", c.a, c.b, equal, overlapping, c.equal, c.overlapping, c.why)
		}
	}
}
