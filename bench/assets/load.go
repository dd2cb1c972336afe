package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/internal/peers"
)

// client is a load generator.
type client struct {
	name    string
	secure  bool
	command func(work workload, duration time.Duration) []string
	// done and failed match the number of successful and of failed responses in the output.
	done, failed *regexp.Regexp
}

var wrk = client{
	name: "HTTP/1.1",
	command: func(work workload, duration time.Duration) []string {
		connections := "32"
		if work.large {
			connections = "4"
		}
		return []string{"wrk", "-t1", "-c" + connections, fmt.Sprintf("-d%.0fs", duration.Seconds())}
	},
	done:   regexp.MustCompile(`(\d+) requests in`),
	failed: regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`),
}

var h2load = client{
	name: "HTTP/2 with TLS", secure: true,
	command: func(work workload, duration time.Duration) []string {
		streams := "8"
		if work.large {
			streams = "1"
		}
		return []string{"h2load", "-t1", "-c4", "-m" + streams, fmt.Sprintf("-D%.0f", duration.Seconds())}
	},
	done:   regexp.MustCompile(`(\d+) succeeded`),
	failed: regexp.MustCompile(`([1-9]\d*) 5xx`),
}

// rate returns the number of responses for each second of the server's processor time. For large files it returns the number for each
// second of elapsed time, since the kernel's work on them is not accounted to the server alone.
func (r *running) rate(work workload, duration time.Duration) float64 {
	headers := work.headers
	response := r.get(work)
	if work.conditional && response.Header.Get("Etag") != "" {
		headers = append(headers[:len(headers):len(headers)], "If-None-Match: "+response.Header.Get("Etag"))
	}
	arguments := r.client.command(work, duration)
	for _, header := range headers {
		arguments = append(arguments, "-H", header)
	}
	used, started := r.ProcessorTime(), time.Now()
	out, err := exec.Command("taskset", append(append([]string{"-c", "1"}, arguments...), r.address+work.path)...).CombinedOutput()
	used = r.ProcessorTime() - used
	if work.large {
		used = time.Since(started).Seconds()
	}
	done := r.client.done.FindSubmatch(out)
	if err != nil || done == nil || r.client.failed.Match(out) {
		peers.Fatalf("%s: %s of %s: %v\n%s", r.Name, arguments[0], work.path, err, out)
	}
	count, _ := strconv.ParseFloat(string(done[1]), 64)
	return count / used
}

// get sends one request, and checks that the response is the one to be measured.
func (r *running) get(work workload) *http.Response {
	request, err := http.NewRequest(http.MethodGet, r.address+work.path, nil)
	if err != nil {
		peers.Fatalf("%v", err)
	}
	for _, header := range work.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	var checked *http.Response
	r.WaitFor(func() error { // variants are made in the background
		response, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode >= 400 || work.headers != nil && response.Header.Get("Content-Encoding") == "" {
			return fmt.Errorf("%s: unexpected response (compressed if requested): %s %v", work.path, response.Status, response.Header)
		}
		checked = response
		return nil
	})
	return checked
}

var transport = &http.Transport{
	DisableCompression: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
}
