package variants

// maxWhileSending is the largest content that is compressed for one request, in bytes. A client must not be able to ask for
// seconds of work.
const maxWhileSending = 1 << 20

// Choose picks the coding that a client wants most among those that exist. It returns nil for the content itself. If the
// client accepts no coding that exists, now is a coding to encode with while sending. If there is none either, acceptable
// is false. A nil set has no variants.
func Choose(acceptEncoding []string, set *Set, size int64, offered []Coding) (chosen *Variant, now Coding, acceptable bool) {
	var made *state
	if set != nil {
		made = set.state.Load()
	}
	if made == nil && excludesNothing(acceptEncoding) {
		return nil, Identity, true
	}
	acceptance := ParseAcceptEncoding(acceptEncoding)
	sizes := [codings]int64{Identity: size, Brotli: -1, Zstd: -1, Gzip: -1}
	if made != nil {
		for _, coding := range offered {
			if v := made.made[coding]; v != nil {
				sizes[coding] = v.Size
			}
		}
	}
	best, ok := acceptance.Best(&sizes)
	switch {
	case ok && best == Identity:
		return nil, Identity, true
	case ok:
		return made.made[best], Identity, true
	}
	for _, coding := range offered {
		if acceptance[coding] > acceptance[now] {
			now = coding
		}
	}
	if now == Identity || size > maxWhileSending {
		return nil, Identity, false
	}
	return nil, now, true
}
