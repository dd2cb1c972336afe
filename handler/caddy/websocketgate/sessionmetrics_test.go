package websocketgate_test

import (
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/scan2food/usher/handler/caddy/websocketgate"
	"github.com/scan2food/usher/internal/testsite"
)

// counted returns the value of a counter.
func counted(t *testing.T, counter prometheus.Counter) float64 {
	t.Helper()
	var metric dto.Metric
	if err := counter.Write(&metric); err != nil {
		t.Fatal(err)
	}
	return metric.GetCounter().GetValue()
}

// Other tests count too, so the counters grow at least by what this test does.
func TestTicketMetrics(t *testing.T) {
	events := []string{"issued", "accepted", "used_before"}
	before := map[string]float64{}
	for _, event := range events {
		before[event] = counted(t, websocketgate.Tickets.WithLabelValues(event))
	}
	application, _ := startTicketApplication(t)
	site := testsite.Start(t, ticketSite(application, "secret "+ticketSecret+"\nissue_on /screen/\nonce"))
	ticket := ticketOf(t, site, "/screen/")
	dialWithTicket(t, site, "/ws/chat/", ticket)
	if got := testsite.Exchange(t, site.Addr, testsite.Get("/ws/chat/?key="+ticket, testsite.Upgrade)).StatusCode; got != 401 {
		t.Fatalf("a second use: %d, want 401", got)
	}
	for _, event := range events {
		testsite.Eventually(t, "a ticket is counted as "+event, func() bool {
			return counted(t, websocketgate.Tickets.WithLabelValues(event)) >= before[event]+1
		})
	}
}

func TestSessionMetrics(t *testing.T) {
	read := func() (values [2]float64) {
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(websocketgate.SessionMetrics)
		families, err := registry.Gather()
		if err != nil || len(families) != 2 {
			t.Fatalf("%d metrics, %v", len(families), err)
		}
		return [2]float64{families[0].GetMetric()[0].GetGauge().GetValue(), families[1].GetMetric()[0].GetCounter().GetValue()}
	}
	site := testsite.Start(t, routeSite(startSessionApplication(t), "session sessionid"))
	conn := dialWithCookie(t, site, "/ws/chat/", "sessionid=the0session0of0a0metric0000")
	before := read()
	if before[0] < 1 {
		t.Errorf("%v sessions have sockets, want one at least", before[0])
	}
	answer(t, http.DefaultClient, site.URL+"/accounts/logout/", "sessionid=the0session0of0a0metric0000", deletion)
	if code, _ := closeOf(t, conn); code != 4401 {
		t.Fatalf("the socket was closed with %d, want 4401", code)
	}
	if after := read(); after[1] < before[1]+1 {
		t.Errorf("%v sessions have ended, want more than %v", after[1], before[1])
	}
}
