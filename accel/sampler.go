package accel

// sampler draws subsets: a splitmix64 sequence.
type sampler uint64

func (s *sampler) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// sample appends k of the positions to out, each subset with the same probability, in their order (selection sampling,
// Knuth 3.4.2, algorithm S).
func (s *sampler) sample(out, positions []int32, k int) []int32 {
	for i, pos := range positions {
		left := uint64(len(positions) - i)
		if k == 0 {
			break
		}
		if (s.next()>>32)*left>>32 < uint64(k) {
			out = append(out, pos)
			k--
		}
	}
	return out
}
