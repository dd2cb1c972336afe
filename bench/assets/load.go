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

// client is a program that asks as fast as it goes.
type client struct {
	name    string
	secure  bool
	command func(work workload, duration time.Duration) []string
	// done finds in its output how many answers were good, and refused how many were not.
	done, refused *regexp.Regexp
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
	done:    regexp.MustCompile(`(\d+) requests in`),
	refused: regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`),
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
	done:    regexp.MustCompile(`(\d+) succeeded`),
	refused: regexp.MustCompile(`([1-9]\d*) 5xx`),
}

// rate is how many answers a second of the server's processor time gives; of large files, how many a second of the clock:
// the kernel copies those in whoever's time it is.
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
	if err != nil || done == nil || r.client.refused.Match(out) {
		peers.Fatalf("%s: %s of %s: %v\n%s", r.Name, arguments[0], work.path, err, out)
	}
	count, _ := strconv.ParseFloat(string(done[1]), 64)
	return count / used
}

// get asks once, and checks that the server does what is measured.
func (r *running) get(work workload) *http.Response {
	request, err := http.NewRequest(http.MethodGet, r.address+work.path, nil)
	if err != nil {
		peers.Fatalf("%v", err)
	}
	for _, header := range work.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	var answer *http.Response
	r.WaitFor(func() error { // variants are made in the background
		response, err := asking.RoundTrip(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode >= 400 || work.headers != nil && response.Header.Get("Content-Encoding") == "" {
			return fmt.Errorf("%s: want a good answer, compressed where that is asked for, got %s %v", work.path, response.Status, response.Header)
		}
		answer = response
		return nil
	})
	return answer
}

var asking = &http.Transport{
	DisableCompression: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
}
