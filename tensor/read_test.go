package tensor

import "testing"

func TestReadSeesEveryWord(t *testing.T) {
	data := make([]byte, 3<<20+512)
	for _, k := range available() {
		on(k, 2, F32, func(c *CPU) {
			for _, at := range []int{0, 8*31 + 5, 1 << 20, 3<<20 + 511} {
				data[at] = 0x5a
				if got, want := c.Read(data), uint64(0x5a)<<(8*(at%8)); got != want {
					t.Errorf("%s: byte %d alone reads as %#x, want %#x", k.name, at, got, want)
				}
				data[at] = 0
			}
		})
	}
}
