package kernel

import (
	"encoding/binary"
	"math"
)

// A panel is Lanes keys of d codes (d a multiple of Lanes) of 1 to 8 bits, laid out for products with one query at a time: cut into chunks
// of 16 channels, a chunk into four vectors of 64 codes. Byte 4r+c of vector v is the code of key r in the chunk's
// channel 4v+c. Of each chunk the parts of 8, 4, 2 and 1 bits that its codes are made of follow one another, the
// most significant first: the vectors as they are; two vectors in the nibbles of 64 bytes, twice; four in pairs of bits; eight halves of
// vectors in the bits of 32 bytes.

// PanelBytes is the size of a panel of d codes a key.
func PanelBytes(d, bits int) int { return 2 * d * bits }

// chunkChannels is the number of channels in a chunk.
const chunkChannels = 16

// Panels writes dst[h·ld+j] = (Σ_i q[h·d+i]·code[j][i] + offsets[h])·factors[h] for m queries and the keys j of n panels; the sum is exact.
func Panels(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32) {
	PanelSets(dst, ld, q, m, packed, n, d, bits, offsets, factors, Sets{Every: n})
}

// TilesPanels reports whether PanelTile is there: else Tile with codes as floats gives the same.
func TilesPanels() bool { return active.panelTile != nil }

// PanelTile writes dst[h·ld+j] = Σ_i q[h·d+i]·code[j][i] for m queries and the keys j of n panels of 8-bit codes; the sum is exact.
func PanelTile(dst []float32, ld int, q []int8, m int, packed []byte, n, d int) {
	if n > 0 && m > 0 {
		active.panelTile(dst, ld, q, m, packed, n, d)
	}
}

// Sets says that queries change from panel to panel: after every so many comes the next set of them, Stride integers on, with offsets and factors
// Factors numbers on.
type Sets struct{ Every, Stride, Factors int }

// PanelSets is Panels with a set of m queries for every so many panels.
func PanelSets(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets) {
	if n > 0 && m > 0 {
		active.panels(dst, ld, q, m, packed, n, d, bits, offsets, factors, sets)
	}
}

func panelsPortable(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32, sets Sets) {
	for at := 0; at < n; at += sets.Every {
		set := at / sets.Every
		some := min(sets.Every, n-at)
		panelSet(dst[at*Lanes:], ld, q[set*sets.Stride:], m, packed[at*PanelBytes(d, bits):], some, d, bits, offsets[set*sets.Factors:], factors[set*sets.Factors:])
	}
}

// panelSet takes panels that meet the same queries.
func panelSet(dst []float32, ld int, q []int8, m int, packed []byte, n, d, bits int, offsets, factors []float32) {
	var codes [4]byte
	for p := range n {
		panel := packed[p*PanelBytes(d, bits):][:PanelBytes(d, bits)]
		for key := range Lanes {
			for h := range m {
				sum := int32(0)
				for quad := 0; quad < d/4; quad++ {
					binary.LittleEndian.PutUint32(codes[:], Quad(panel, bits, key, quad))
					for c, u := range codes {
						sum += int32(q[h*d+4*quad+c]) * int32(u)
					}
				}
				dst[h*ld+p*Lanes+key] = float32(float32(sum)+offsets[h]) * factors[h]
			}
		}
	}
}

// Quad returns the codes of four neighbouring channels of a key in a panel, a byte each, the first lowest.
func Quad(panel []byte, bits, key, quad int) uint32 {
	chunk, v := panel[quad/4*2*chunkChannels*bits:], quad%4
	var codes uint32
	left := bits
	for _, width := range parts {
		if left < width {
			continue
		}
		left -= width
		at, shift := place(width, v, key)
		codes |= binary.LittleEndian.Uint32(chunk[at:]) >> shift & everywhere(width) << left
		chunk = chunk[2*chunkChannels*width:]
	}
	return codes
}

// SetQuad writes what Quad reads.
func SetQuad(panel []byte, bits, key, quad int, codes uint32) {
	chunk, v := panel[quad/4*2*chunkChannels*bits:], quad%4
	left := bits
	for _, width := range parts {
		if left < width {
			continue
		}
		left -= width
		at, shift := place(width, v, key)
		word := binary.LittleEndian.Uint32(chunk[at:])
		word = word&^(everywhere(width)<<shift) | codes>>left&everywhere(width)<<shift
		binary.LittleEndian.PutUint32(chunk[at:], word)
		chunk = chunk[2*chunkChannels*width:]
	}
}

// place finds four codes in a part: their bytes, and where in the bytes they lie.
func place(width, vector, key int) (at, shift int) {
	switch width {
	case 8:
		return 64*vector + 4*key, 0
	case 4: // two vectors in the same bytes
		return vector>>1<<6 + 4*key, vector & 1 << 2
	case 2: // four
		return 4 * key, 2 * vector
	default: // four, in halves
		return 4 * (key % 8), 2*vector + key/8
	}
}

// everywhere has the lowest bits of every byte set.
func everywhere(width int) uint32 { return math.MaxUint32 / 255 * (1<<width - 1) }
