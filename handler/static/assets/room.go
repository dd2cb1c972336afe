package assets

import "slices"

// The memory for variants is what contents leave of it. compressor.left is how much of that is free.

// shrink takes variants out of memory where contents have taken it meanwhile: the largest, and of the codings that the fewest
// clients get, first.
func (w *compressor) shrink(files []*File) {
	for _, coding := range []Coding{Gzip, Zstd, Brotli} {
		for _, f := range slices.Backward(files) {
			if w.left >= 0 {
				return
			}
			made, _ := f.tried(coding)
			switch {
			case made == nil || made.content == nil:
			case made.kept != nil:
				w.moveToDisk(f, coding, made)
			default:
				f.forgetVariant(made)
				w.left += made.size
			}
		}
	}
}

// moveToDisk has a variant that is on the disk be there alone.
func (w *compressor) moveToDisk(f *File, coding Coding, made *variant) {
	onDisk := *made
	onDisk.content = nil
	w.set(f, coding, &onDisk)
}

// set gives a file a variant, in place of the one that it may have.
func (w *compressor) set(f *File, coding Coding, v *variant) {
	if before, _ := f.tried(coding); before != nil {
		w.left += int64(len(before.content))
	}
	w.left -= int64(len(v.content))
	f.setVariant(coding, v)
}

// makeRoom reports that there is memory for a variant. For that, larger ones of the same file, which are sent to fewer
// clients, may have to be on the disk alone.
func (w *compressor) makeRoom(f *File, wanted *variant) bool {
	all := f.variants()
	if all == nil {
		return wanted.size <= w.left
	}
	for coding, v := range all.made {
		if wanted.size > w.left && v != nil && v.content != nil && v.kept != nil && v.size > wanted.size {
			w.moveToDisk(f, Coding(coding), v)
		}
	}
	return wanted.size <= w.left
}
