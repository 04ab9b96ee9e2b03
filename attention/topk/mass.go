package topk

// Mass returns, of the listed indices, those with the largest scores that together reach want, as few as possible, in their
// order; of equals at the cut the leftmost. All of them where they do not reach it. The list is cut in place. It is
// quick-select that compares sums instead of counts.
func (s *Selector) Mass(list []int32, scores []float32, want float64) []int32 {
	current, other := s.left[:0], s.right[:0]
	for _, i := range list {
		current = append(current, scores[i])
	}
	held, cut := 0.0, negInf // the sum of what is greater than the range
	for len(current) > 0 {
		pivot := current[s.draw(len(current))]
		other = other[:0]
		smaller := 0
		greater, equal := 0.0, 0.0
		for _, v := range current {
			switch {
			case v > pivot:
				other = append(other, v)
				greater += float64(v)
			case v < pivot:
				current[smaller] = v
				smaller++
			default:
				equal += float64(v)
			}
		}
		if held+greater >= want && len(other) > 0 {
			current, other = other, current
			continue
		}
		held += greater
		if held+equal >= want {
			cut = pivot
			break
		}
		held += equal
		current = current[:smaller]
	}
	s.left, s.right = current, other
	if cut == negInf {
		return list
	}
	to := 0
	for _, i := range list {
		v := scores[i]
		if v == cut && held < want {
			held += float64(v)
		} else if !(v > cut) {
			continue
		}
		list[to] = i
		to++
	}
	return list[:to]
}
