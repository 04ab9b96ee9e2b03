package bitwidth

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func pack(v []int16, offset, bits int) []byte {
	out := make([]byte, (offset+len(v)*bits+7)/8)
	for i, x := range v {
		for b := range bits {
			if x>>b&1 == 1 {
				at := offset + i*bits + b
				out[at/8] |= 1 << (at % 8)
			}
		}
	}
	return out
}

// What was packed at any width and place comes back; MSBs and LSBs of a number join to the number.
func TestUnpackAndJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		msb, lsb := rapid.SampledFrom([]int{4, 6, 8, 10, 12}).Draw(t, "msb"), rapid.SampledFrom([]int{0, 2, 4}).Draw(t, "lsb")
		lsb = min(lsb, OnChip-msb)
		offset := rapid.IntRange(0, 255).Draw(t, "offset")
		limit := int16(1) << (msb + lsb - 1)
		want := rapid.SliceOfN(rapid.Int16Range(-limit, limit-1), 1, 64).Draw(t, "numbers")
		high, low := make([]int16, len(want)), make([]int16, len(want))
		for i, x := range want {
			high[i], low[i] = x>>lsb, x&(1<<lsb-1)
		}
		got, gotLow := make([]int16, len(want)), make([]int16, len(want))
		if err := Unpack(got, pack(high, offset, msb), offset, msb, true); err != nil {
			t.Fatal(err)
		}
		if lsb > 0 {
			if err := Unpack(gotLow, pack(low, offset, lsb), offset, lsb, false); err != nil {
				t.Fatal(err)
			}
			Join(got, gotLow, lsb)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestErrors(t *testing.T) {
	if Unpack(make([]int16, 1), nil, 0, 4, true) == nil || Unpack(make([]int16, 1), make([]byte, 9), 0, 13, true) == nil {
		t.Error("numbers that are not there, or too wide, are taken")
	}
}

// A 6-bit row of D = 64 is 48 byte: two bursts of 32 from either side, the odd one from the middle of the second.
func TestCycles(t *testing.T) {
	for _, c := range []struct{ bits, offset, want int64 }{{12, 0, 3}, {8, 0, 2}, {6, 0, 2}, {6, 128, 2}, {4, 0, 1}, {4, 128, 2}} {
		if got := Cycles(64, c.bits, c.offset, 32); got != c.want {
			t.Errorf("%d bits from bit %d: %d cycles, want %d", c.bits, c.offset, got, c.want)
		}
	}
}
