package tree

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
)

func TestHeldInMemory(t *testing.T) {
	t.Parallel()
	entries := []entry{
		{path: "a.png", identity: identity{size: 10}}, {path: "b.png", identity: identity{size: 40}},
		{path: "c.css", identity: identity{size: 60}}, {path: "d.bin", identity: identity{size: maxInMemory + 1}},
		{path: ".vite/manifest.json", hidden: true, identity: identity{size: 1}},
	}
	for _, c := range []struct {
		memory int64
		want   []bool
	}{
		{4 * maxInMemory, []bool{true, true, true, false, false}},
		{100, []bool{true, false, true, false, false}}, // a quarter belongs to variants
		{40, []bool{false, false, false, false, false}},
		{0, []bool{false, false, false, false, false}},
	} {
		if got := heldInMemory(entries, c.memory); !slices.Equal(got, c.want) {
			t.Errorf("%d bytes: %v, want %v", c.memory, got, c.want)
		}
	}
}

// Django keeps each file next to its hashed copy. Equal bytes are in memory once.
func TestCopiesShareTheirBytes(t *testing.T) {
	t.Parallel()
	style, other := "a{}", "b{}"
	name := func(base, content string) string { return base + "." + MD5Of(content)[:12] + ".css" }
	for _, memory := range []int64{DefaultMemory, 1} {
		s := NewStillTree(t, map[string]string{
			"a.css": style, name("a", style): style,
			"b.css": style, name("b", other): other, // rewritten, with the same size
			"c.css": "longer than the other", name("c", style): style,
			name("alone", style): style,
			"empty.css":          "", name("empty", ""): "",
		}, func(c *Config) { c.Memory = memory })
		c := s.Read()
		for path, want := range map[string]string{name("a", style): style, name("b", other): other, name("c", style): style, name("alone", style): style, name("empty", ""): ""} {
			f := c.Lookup(path)
			if f.Digest() != sha256.Sum256([]byte(want)) || f.Evidence.Kind != ByDigest || f.Content != nil && string(f.Content) != want {
				t.Errorf("%s: %q, %x, %v", path, f.Content, f.Digest(), f.Evidence)
			}
			if want != "" && (f.Content != nil) != (memory > 1) || (f.fingerprint != nil) != (f.Content != nil) {
				t.Errorf("%s is in memory: %v", path, f.Content != nil)
			}
		}
		if memory > 1 && &c.Lookup("a.css").Content[0] != &c.Lookup(name("a", style)).Content[0] {
			t.Error("a.css and its copy are in memory twice")
		}
	}
}

// A tree that is larger than `memory` never exceeds `memory`, also while it is read.
func TestReadingStaysWithinTheMemory(t *testing.T) {
	s := NewStillTree(t, nil, func(c *Config) { c.Memory = 1 << 20 })
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	for i := range 256 {
		s.Write(fmt.Sprintf("%d.bin", i), fmt.Sprint(i)+string(block))
	}
	before := LiveBytes()
	c := s.Read()
	if grown := LiveBytes() - before; grown > 4<<20 {
		t.Errorf("%d bytes more for 1 MiB of memory and 64 MiB of files", grown)
	}
	held := int64(0)
	for file := range c.All() {
		held += int64(len(file.Content))
	}
	if c.Files() != 256 || held == 0 || held > 1<<20 {
		t.Errorf("%d files, %d bytes", c.Files(), held)
	}
}
