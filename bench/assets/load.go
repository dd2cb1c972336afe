package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/scan2food/usher/bench/processor"
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
	used, started := processor.Time(r.command.Process.Pid), time.Now()
	out, err := exec.Command("taskset", append(append([]string{"-c", "1"}, arguments...), r.address+work.path)...).CombinedOutput()
	used = processor.Time(r.command.Process.Pid) - used
	if work.large {
		used = time.Since(started).Seconds()
	}
	done := r.client.done.FindSubmatch(out)
	if err != nil || done == nil || r.client.refused.Match(out) {
		r.fatalf("%s of %s: %v\n%s", arguments[0], work.path, err, out)
	}
	count, _ := strconv.ParseFloat(string(done[1]), 64)
	return count / used
}

// get asks once, and checks that the server does what is measured.
func (r *running) get(work workload) *http.Response {
	request, err := http.NewRequest(http.MethodGet, r.address+work.path, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, header := range work.headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	// Variants are made in the background.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		response, err := asking.RoundTrip(request)
		if err == nil {
			_, err = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if err == nil && response.StatusCode < 400 && (work.headers == nil || response.Header.Get("Content-Encoding") != "") {
				return response
			}
		}
		if time.Now().After(deadline) {
			r.fatalf("%s: no good answer: %v, %v", work.path, response, err)
		}
	}
}

var asking = &http.Transport{
	DisableCompression: true, DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
}
