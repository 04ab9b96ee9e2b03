package tensor

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"spatten/checkpoint/dtype"
)

func TestPackingAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for _, format := range []dtype.Type{dtype.Q4_0, dtype.Q4_1, dtype.Q8_0} {
		row, _ := format.RowBytes(3 * blockSize)
		src := randomWeights(r, format, panel, 3*blockSize)
		want := make([]byte, len(src))
		packPortable(want, src, format, row)
		for _, k := range available() {
			got := make([]byte, len(src))
			if k.pack(got, src, format, row); !bytes.Equal(got, want) {
				t.Errorf("%v, %s: packed otherwise than portably", format, k.name)
			}
		}
	}
}
