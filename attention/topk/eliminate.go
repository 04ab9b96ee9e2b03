package topk

// Eliminate closes the gaps of x in place and returns what is kept, in order: the zero eliminator of section IV-B. A prefix count of
// the gaps gives every element its distance to the left; log₂ n stages each shift by one, two, four … places those elements whose
// distance has that bit. gaps is scratch of len(x).
func Eliminate[T any](x []T, keep []bool, gaps []int32) []T {
	zeros := int32(0)
	for i, k := range keep {
		if !k {
			zeros++
		}
		gaps[i] = zeros
	}
	for stage := int32(1); stage <= zeros; stage <<= 1 {
		for i := range x {
			if keep[i] && gaps[i]&stage != 0 {
				to := i - int(stage)
				x[to], keep[to], gaps[to] = x[i], true, gaps[i]
				keep[i] = false
			}
		}
	}
	return x[:len(x)-int(zeros)]
}
