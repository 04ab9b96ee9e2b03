package kernel

// Refine adds to scores what the least significant bits of listed rows change in them, for m heads: to scores[h·ld+row], row being rows[j], the
// number (p + rest·offset)·factor, p being the exact product of the row's d codes (see quant.Plane) with query h of the set sets[j], m queries
// of d integers; offset and factor are h's of that set. Sets start stride integers apart, their offsets and factors lds. The new scores
// go to out[h·ldo+j] too; ldo is at least the length of the list, padded. Both lists are ascending. mem is memory for unpacked codes.
func Refine(scores []float32, ld int, out []float32, ldo int, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *[]byte) {
	if len(rows) > 0 && m > 0 {
		active.refine(scores, ld, out, ldo, q, m, stride, packed, rows, sets[:len(rows)], offsets, factors, lds, rest, d, bits, mem)
	}
}

// refineRows takes the products first.
func (s *set) refineRows(scores []float32, ld int, out []float32, ldo int, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *[]byte) {
	s.listed(out, ldo, q, m, stride, packed, rows, sets, d, bits, mem)
	for h := range m {
		products := out[h*ldo : h*ldo+len(rows)]
		for j, row := range rows {
			at := int(sets[j])*lds + h
			v := scores[h*ld+int(row)] + float32(float32(products[j]+float32(rest*offsets[at]))*factors[at])
			scores[h*ld+int(row)], products[j] = v, v
		}
	}
}
