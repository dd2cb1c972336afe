//go:build unix

package admin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scan2food/usher/handler/operate/report"
	"github.com/scan2food/usher/internal/testsite"
)

// A drain outlives `caddy reload`: the configuration has nothing to do with it.
func TestDrainSurvivesAReload(t *testing.T) {
	drained, stays := testsite.StartEcho(t), testsite.StartEcho(t)
	p := &testsite.Process{Addr: testsite.FreeAddress(t), Admin: testsite.FreeAddress(t), Stopped: make(chan error, 1)}
	p.Config = func(options string) string {
		return fmt.Sprintf("{\nadmin %s\npersist_config off\n}\nhttp://%s {\nwebsocket_tunnel %s %s {\nlb_policy first\n%s\n}\n}", p.Admin, p.Addr, drained, stays, options)
	}
	p.Run(t, p.Adapted(t, ""))
	post := func(endpoint string) {
		response, err := http.Post("http://"+p.Admin+"/usher/upstreams/"+endpoint, "application/json", strings.NewReader(fmt.Sprintf(`{"upstream":%q}`, drained)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", endpoint, response.Status)
		}
	}
	upstreams := func() map[string]report.Upstream {
		var list []report.Upstream
		if err := json.Unmarshal(p.Get(t, "/usher/upstreams"), &list); err != nil {
			t.Fatal(err)
		}
		byName := make(map[string]report.Upstream)
		for _, u := range list {
			byName[u.Upstream] = u
		}
		return byName
	}
	site := &testsite.Site{URL: "http://" + p.Addr, Addr: p.Addr}
	open := func() {
		if conn := testsite.OpenSocket(t, site, "any"); !testsite.StillOpen(t, conn) {
			t.Fatal("a new socket does not work")
		}
	}
	post("drain")
	since := upstreams()[drained].DrainedSince
	p.Reload(t, "ping 1m")
	open()
	if now := upstreams(); !now[drained].Drained || !now[drained].DrainedSince.Equal(since) || now[drained].Open != 0 || now[stays].Open != 1 {
		t.Errorf("after the reload: %+v, want the drain of %s and the socket at the other upstream", now, since)
	}
	post("undrain")
	p.Reload(t, "ping 2m")
	open()
	if now := upstreams(); now[drained].Drained || now[drained].Open != 1 {
		t.Errorf("after the undrain and a reload: %+v, want the socket at the first upstream", now)
	}
	p.Stop(t)
}
