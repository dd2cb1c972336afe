package variants

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// Encoded content decodes to the original within the limits of browsers: a zstd window of 8 MiB (RFC 9659, 3).
func TestEncodersOfLargeFiles(t *testing.T) {
	t.Parallel()
	encoders := NewEncoder()
	defer encoders.Close()
	content := bytes.Repeat([]byte("function f(){return 1}\n"), 12<<20/23)
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		encoded := encoders.Encode(coding, content)
		var fast bytes.Buffer
		w, err := Fast(coding, &fast)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(content)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for how, encoded := range map[string][]byte{"best": encoded, "fast": fast.Bytes()} {
			decoder, closeDecoder, err := newDecoder(coding, encoded)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(decoder)
			closeDecoder()
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s, %s: %d bytes, %v", coding, how, len(got), err)
			}
		}
	}
}

// A variant holds no memory of the encoder.
func TestEncodedBytesTakeNoMoreMemory(t *testing.T) {
	t.Parallel()
	encoders := NewEncoder()
	defer encoders.Close()
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		encoded := encoders.Encode(coding, bytes.Repeat([]byte("function f(a, b) {}\n"), 4096))
		if cap(encoded) > 2*len(encoded)+64 {
			t.Errorf("%s: %d bytes for %d", coding, cap(encoded), len(encoded))
		}
	}
}

// Variants of another level or library version have another name.
func TestOtherSettingsAreOtherNames(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		names[encoderSettings(coding, 1000)] = true
		if settings := encoderSettings(coding, 1000); !strings.HasPrefix(settings, coding.String()+" ") {
			t.Errorf("%s has the settings %q", coding, settings)
		}
	}
	names[encoderSettings(Brotli, brotliLarge+1)] = true
	if len(names) != 4 {
		t.Errorf("names %v, want four", names)
	}
}
