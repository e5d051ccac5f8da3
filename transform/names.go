package transform

// nameFilter detects names that may occur twice in one object. A false alarm only costs time. A test
// checks that the names of Graph's types cause none.
type nameFilter [4]uint64

// add reports whether the name may have been added before.
func (f *nameFilter) add(name []byte) (maybe bool) {
	// The factors were found by trial so that the names of each type do not collide.
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
