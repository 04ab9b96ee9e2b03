package trace

// A set of positions (ascending, without repeats) is stored against a reference set that reader and writer both know:
//
//	0 n gap₁ … gapₙ        the positions themselves, each as its distance from the one before (the first from −1), less 1
//	1 n gap₁ … gapₙ        the reference without n of its members, given by their ranks in it, coded the same way
//
// Live sets shrink slowly from layer to layer and from step to step, so most of them are the two bytes "1 0".
const (
	setListed  = 0
	setWithout = 1
)

// appendSet codes set against reference. It falls back to a listing where set holds something that reference lacks.
func appendSet(b []byte, set, reference []int32) []byte {
	if len(set) <= len(reference) && subset(set, reference) {
		b = append(b, setWithout)
		b = appendUint(b, uint64(len(reference)-len(set)))
		last, i := -1, 0
		for rank, p := range reference {
			if i < len(set) && set[i] == p {
				i++
				continue
			}
			b = appendUint(b, uint64(rank-last-1))
			last = rank
		}
		return b
	}
	b = append(b, setListed)
	b = appendUint(b, uint64(len(set)))
	return appendGaps(b, set)
}

// appendGaps codes ascending positions as distances.
func appendGaps(b []byte, set []int32) []byte {
	last := int32(-1)
	for _, p := range set {
		b = appendUint(b, uint64(p-last-1))
		last = p
	}
	return b
}

// subset reports whether every member of set is in reference; both ascend.
func subset(set, reference []int32) bool {
	i := 0
	for _, p := range reference {
		if i == len(set) {
			return true
		}
		if set[i] == p {
			i++
		}
	}
	return i == len(set)
}

// merge appends to dst the union of two ascending sets.
func merge(dst, a, b []int32) []int32 {
	if len(a) == 0 || len(b) > 0 && b[0] > a[len(a)-1] {
		return append(append(dst, a...), b...)
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			dst = append(dst, a[i])
			i++
		case i == len(a) || b[j] < a[i]:
			dst = append(dst, b[j])
			j++
		default:
			dst = append(dst, a[i])
			i, j = i+1, j+1
		}
	}
	return dst
}

// span appends first, first+1, … first+n−1.
func span(dst []int32, first, n int) []int32 {
	for i := range n {
		dst = append(dst, int32(first+i))
	}
	return dst
}
