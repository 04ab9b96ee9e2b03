package kernel

import "math"

// Chosen adds up listed rows of packed codes (see quant.Plane), each times its scale and its weight, for m heads: for head h the sum over
// the first n of rows of w[h·ldw+row]·scale[row]·code goes to out[h·ldo], d numbers; that of the weights times scales to sums[2h], that
// of the weights to sums[2h+1]. Each sum runs over the list upwards from zero. What the list has behind the first n is asked for from memory.
func Chosen(out []float32, ldo int, sums, w []float32, ldw, m int, packed []byte, scales []uint16, rows []int32, n, d, bits int, mem *ChosenMemory) {
	for h := range m {
		clear(out[h*ldo : h*ldo+d])
	}
	clear(sums[:2*m])
	if n > 0 && m > 0 {
		active.chosen(out, ldo, sums, w, ldw, m, packed, scales, rows, n, d, bits, mem)
	}
}

// ChosenMemory is what one caller of Chosen keeps: unpacked codes and their weights.
type ChosenMemory struct {
	codes   []byte
	weights [chosenHeads * unpacked]float32
}

const (
	unpacked    = 64 // rows that are unpacked together
	chosenHeads = 3  // heads that meet them together
)

// chosenRows unpacks some rows at a time.
func (s *set) chosenRows(out []float32, ldo int, sums, w []float32, ldw, m int, packed []byte, scales []uint16, rows []int32, n, d, bits int, mem *ChosenMemory) {
	if cap(mem.codes) < unpacked*d {
		mem.codes = make([]byte, unpacked*d)
	}
	for rows = rows[:n]; len(rows) > 0; {
		some := rows[:min(unpacked, len(rows))]
		rows = rows[len(some):]
		codes := mem.codes[:len(some)*d]
		s.unpack(codes, packed, some, len(some), d, bits)
		for h := 0; h < m; h += chosenHeads {
			heads := min(chosenHeads, m-h)
			for i := range heads {
				var scaled, all float32
				for j, row := range some {
					v := w[(h+i)*ldw+int(row)]
					all += v
					v *= math.Float32frombits(uint32(scales[row]) << 16)
					scaled += v
					mem.weights[i*unpacked+j] = v
				}
				sums[2*(h+i)] += scaled
				sums[2*(h+i)+1] += all
			}
			s.weigh(out[h*ldo:], ldo, mem.weights[:], unpacked, heads, codes, d, len(some))
		}
	}
}
