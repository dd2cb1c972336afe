package websockettunnel

import (
	"strings"
	"testing"
)

// Of several invalid durations, the same one is always reported.
func TestValidateReportsTheFirstNegativeDuration(t *testing.T) {
	t.Parallel()
	handler := &Handler{DialTimeout: -1, HandshakeTimeout: -1, WriteTimeout: -1, Ping: -1, Drain: -1}
	for range 50 {
		if err := handler.Validate(); err == nil || !strings.Contains(err.Error(), "dial_timeout: want a duration, got -1ns") {
			t.Fatalf("Validate() = %v, want the dial_timeout rejected", err)
		}
	}
}
