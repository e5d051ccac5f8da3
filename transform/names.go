package transform

// nameFilter tells whether a name may stand twice in one object. A false alarm costs time only; the
// names of Graph's types give none, which a test holds.
type nameFilter [4]uint64

// Chosen by trial, so that the names of no type collide.
const factor1, factor2, factor3 = 21503, 2357, 16039

// add tells whether the name may have been added before.
func (f *nameFilter) add(name []byte) (maybe bool) {
	hash := uint32(len(name))
	if n := len(name); n > 0 {
		hash = hash*factor1 + uint32(name[0])
		hash = hash*factor2 + uint32(name[n/2])
		hash = hash*factor3 + uint32(name[n-1])
	}
	bit := hash * 0x9E3779B1 >> 24
	maybe = f[bit/64]&(1<<(bit%64)) != 0
	f[bit/64] |= 1 << (bit % 64)
	return maybe
}
