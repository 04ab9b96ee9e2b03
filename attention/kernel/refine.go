package kernel

// Fours is how many queries Refine takes at most, and how many numbers lie together for each row then.
const Fours = 4

// Refine makes scores new by the least significant bits of listed rows, for m heads, four at most: scores[h·ld+row], row being rows[j], plus
// (p + rest·offset)·factor goes to out[4j+h], p being the exact product of the row's d codes (see quant.Plane) with query h of the set
// sets[j], queries of d integers, sets of them stride integers apart; offset and factor are number h of four of that set, which start lds
// numbers apart. What is left of the four in out is a number that depends on nothing but that place's offset and factor, and on codes and
// queries. Both lists are ascending.
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
				four[h] = scores[h*ld+int(row)] + float32(float32(mem.products[h*refined+j]+float32(rest*offsets[at+h]))*factors[at+h])
			}
		}
		rows, sets, out = rows[n:], sets[n:], out[Fours*n:]
	}
}

// Spread writes number h of the fours in x to dst[h·ld+row] for the m first of them, row by row of an ascending list.
func Spread(dst []float32, ld int, x []float32, m int, rows []int32) {
	if len(rows) > 0 && m > 0 {
		active.spread(dst, ld, x, m, rows)
	}
}

func spreadPortable(dst []float32, ld int, x []float32, m int, rows []int32) {
	for j, row := range rows {
		for h := range m {
			dst[h*ld+int(row)] = x[Fours*j+h]
		}
	}
}
