package kernel

// Fours is how many queries Refine takes at most, and how many numbers lie together for each row then.
const Fours = 4

// Refine adds to scores what the least significant bits of listed rows change in them, for m heads, four at most: to scores[h·ld+row], row being
// rows[j], the number (p + rest·offset)·factor, p being the exact product of the row's d codes (see quant.Plane) with query h of the set
// sets[j], queries of d integers, sets of them stride integers apart; offset and factor are number h of four of that set, which start lds
// numbers apart. The new scores go to out[4j+h] too; what is left of the four is a number that depends on nothing but that place's
// offset and factor, and on codes and queries. Both lists are ascending.
func Refine(scores []float32, ld int, out []float32, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *RefineMemory) {
	if len(rows) > 0 && m > 0 {
		active.refine(scores, ld, out, q, m, stride, packed, rows, sets[:len(rows)], offsets, factors, lds, rest, d, bits, mem)
	}
}

// RefineMemory is what one caller of Refine keeps: unpacked codes and products.
type RefineMemory struct {
	codes    []byte
	products [Fours * refined]float32
}

// refined is how many rows are multiplied together.
const refined = 64

// refineRows takes the products of some rows first.
func (s *set) refineRows(scores []float32, ld int, out []float32, q []int8, m, stride int, packed []byte, rows, sets []int32, offsets, factors []float32, lds int, rest float32, d, bits int, mem *RefineMemory) {
	for len(rows) > 0 {
		n := min(refined, len(rows))
		s.listed(mem.products[:], refined, q, m, stride, packed, rows[:n], sets[:n], d, bits, &mem.codes)
		for j, row := range rows[:n] {
			four, at := out[Fours*j:Fours*(j+1)], int(sets[j])*lds
			clear(four)
			for h := range m {
				v := scores[h*ld+int(row)] + float32(float32(mem.products[h*refined+j]+float32(rest*offsets[at+h]))*factors[at+h])
				scores[h*ld+int(row)], four[h] = v, v
			}
		}
		rows, sets, out = rows[n:], sets[n:], out[Fours*n:]
	}
}
