// Package processor answers how much time a process has had of the processor.
package processor

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
)

// Time is what the process has used, in seconds: fields 14 and 15 of its stat, in hundredths (proc(5)). A process that is
// not there ends the program.
func Time(pid int) float64 {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		log.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / 100
}
