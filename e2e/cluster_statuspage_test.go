//go:build unix

package e2e

import (
	"testing"

	"github.com/scan2food/usher/internal/testsite"
)

// The page of one machine shows the sockets of all, and its button closes those of another.
func TestStatusPageClosesASocketOfAnotherMachine(t *testing.T) {
	need(t, "redis-server", "chromium")
	redis := startRedis(t, testsite.FreePort(t))
	first, second := startNodes(t, redis.port, "page")
	here, elsewhere := first.open("/ws/open/?key="+clusterKey, nil), second.open("/ws/open/?key="+clusterKey, nil)
	p := openStatusPage(t, first.url()+"/status")
	p.shows(t, "machines", "(this)")
	p.shows(t, "sockets", "(this)", "127.0.0.1")
	p.form(t, 1280, "light")
	if broken := p.brokenWords(t); len(broken) > 0 {
		t.Errorf("the lines break within %q", broken)
	}
	p.picture(t, "machines-1280")
	p.form(t, 390, "light")
	p.picture(t, "machines-390")
	p.form(t, 1280, "light")
	other := script[string](t, p.ctx, `
		for (;;) {
			const rows = [...document.querySelectorAll("#sockets tbody tr")], cell = row => row.cells[1].textContent
			const other = rows.find(row => cell(row) && !cell(row).includes("(this)"))
			if (rows.length === 2 && other) {
				other.querySelector("button").click()
				document.getElementById("yes").click()
				return cell(other)
			}
			await new Promise(done => setTimeout(done, 100))
		}`)
	waitFor(t, "the socket of "+other+" has ended", elsewhere.hasEnded)
	p.shows(t, "said", "The other machine closes socket")
	if here.hasEnded() {
		t.Error("the socket of the machine that has the page ended, which has the same number")
	}
}
