package ledger

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// What is seen again, beside what somebody makes up as fast as can be.
func BenchmarkSee(b *testing.B) {
	versions := make([]string, 1<<16)
	for i := range versions {
		versions[i] = fmt.Sprint("made-up-", i)
	}
	for _, c := range []struct {
		name    string
		version func(i int) string
	}{
		{"again", func(int) string { return "20260211" }},
		{"made_up", func(i int) string { return versions[i%len(versions)] }},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := Open(Config{File: filepath.Join(b.TempDir(), "versions.json"), Now: time.Now, Report: func(err error) { b.Error(err) }})
			defer l.Close()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					l.See(Sight{Path: "theatre_js/live-orders/main.js", Word: "v", Version: c.version(i), Page: "/live/"})
				}
			})
		})
	}
}
