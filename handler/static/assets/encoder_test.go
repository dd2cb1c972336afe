package assets

import (
	"bytes"
	"io"
	"testing"
)

// What is encoded decodes to the same, within what browsers hold for it: for zstd a window of 8 MiB (RFC 9659, 3).
func TestEncodersOfLargeFiles(t *testing.T) {
	t.Parallel()
	encoders := newEncoders()
	defer encoders.close()
	content := []byte(text(12 << 20))
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		encoded := encoders.encode(coding, content)
		var fast bytes.Buffer
		w, err := fastEncoder(coding, &fast)
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
