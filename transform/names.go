package transform

// nameFilter tells whether a name may stand twice in one object. A false alarm costs time only; the
// names of Graph's types give none, which a test holds.
type nameFilter [4]uint64

// add tells whether the name may have been added before.
func (f *nameFilter) add(name []byte) (maybe bool) {
	// The factors were found by trial, so that the names of no type collide.
	hash := uint32(len(name)) * 960790541
	if n := len(name); n > 0 {
		hash += uint32(name[0])*1909528025 + uint32(name[n/2])*978331597 + uint32(name[n-1])*577120593
	}
	bit := hash >> 24
	word, mask := &f[bit/64], uint64(1)<<(bit%64)
	maybe = *word&mask != 0
	*word |= mask
	return maybe
}
