package versionedassets

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Counters of the process. Label values come from the configuration and from the statuses of net/http.
var (
	responsesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_assets_responses_total",
		Help: "Responses by status. 304 is a copy of the client that is current.",
	}, []string{"prefix", "code"})
	readErrorsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_assets_read_errors_total",
		Help: "Files and directories that could not be read. A problem that lasts counts once.",
	}, []string{"prefix"})
	stampedPagesTotal = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "usher_assets_stamped_pages_total",
		Help: "Pages whose references got versions.",
	})
)

// countResponses returns a function that counts a response of a prefix. It is called for each response, so that frequent
// statuses have their counter at hand.
func countResponses(prefix string) func(status int) {
	of := func(status int) prometheus.Counter {
		return responsesTotal.WithLabelValues(prefix, strconv.Itoa(status))
	}
	ok, partial, notModified, notFound := of(http.StatusOK), of(http.StatusPartialContent), of(http.StatusNotModified), of(http.StatusNotFound)
	return func(status int) {
		switch status {
		case http.StatusOK:
			ok.Inc()
		case http.StatusPartialContent:
			partial.Inc()
		case http.StatusNotModified:
			notModified.Inc()
		case http.StatusNotFound:
			notFound.Inc()
		default:
			of(status).Inc()
		}
	}
}
