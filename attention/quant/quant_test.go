package quant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPlaneRoundTrip: codes of every width come back from their plane, one by one and through a byte each.
func TestPlaneRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dim := 8 * rapid.IntRange(1, 20).Draw(r, "dim/8")
		bits := rapid.IntRange(1, 16).Draw(r, "bits")
		rows := rapid.IntRange(1, 9).Draw(r, "rows")
		p := NewPlane(dim, bits)
		var all []uint16
		for range rows {
			codes := rapid.SliceOfN(rapid.Uint16Max(uint16(1<<bits-1)), dim, dim).Draw(r, "codes")
			p.Append(codes)
			all = append(all, codes...)
		}
		for i := range rows {
			got := make([]uint16, dim)
			p.unpack(got, i, 0)
			if !slices.Equal(got, all[i*dim:(i+1)*dim]) {
				r.Fatalf("row %d of %d bits: %v, want %v", i, bits, got, all[i*dim:(i+1)*dim])
			}
		}
		if bits > 8 {
			return
		}
		var mem []byte
		for i, c := range p.Codes(&mem, nil, 0, rows) {
			if uint16(c) != all[i] {
				r.Fatalf("code %d of %d bits: %d, want %d", i, bits, c, all[i])
			}
		}
		list := []int32{int32(rows - 1)}
		for i, c := range p.Codes(&mem, list, 0, 0) {
			if uint16(c) != all[(rows-1)*dim+i] {
				r.Fatalf("listed code %d: %d, want %d", i, c, all[(rows-1)*dim+i])
			}
		}
	})
}

// TestErrorBound: what is read differs from what was written by half a step at most, of both planes and of the most
// significant bits alone.
func TestErrorBound(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		f := Format{MSB: rapid.IntRange(2, 12).Draw(r, "msb"), LSB: rapid.IntRange(0, 4).Draw(r, "lsb"), PerChannel: rapid.Bool().Draw(r, "channel")}
		const dim, n = 16, 70
		rows := NewRows(dim, f)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		in := make([]float32, n*dim)
		for i := range in {
			in[i] = 16*random.Float32() - 8
		}
		for i := range n {
			rows.Append(in[i*dim : (i+1)*dim])
		}
		var s Scratch
		for _, lsb := range []bool{true, false} {
			out := make([]float32, n*dim)
			rows.Read(out, &s, nil, 0, lsb, false)
			for i, v := range in {
				bound := 8.0 / 1024 // of waiting rows: fp16
				if row := i / dim; row < rows.Coded() {
					at := row
					if f.PerChannel {
						at = i % dim
					}
					scale := BFloat(rows.Scales()[at])
					bound = float64(scale) * 0.5001
					if !lsb {
						bound *= float64(uint32(1) << f.LSB)
					}
					if f.PerChannel {
						bound += 8.0 / 2048 // the row has waited as fp16
					}
				}
				if got := math.Abs(float64(v - out[i])); got > bound+1e-6 {
					r.Fatalf("%+v: row %d: %g reads as %g, %g off, the bound is %g", f, i/dim, v, out[i], got, bound)
				}
			}
		}
	})
}

// formats are one of each kind.
var formats = []Format{{MSB: 32}, {MSB: 16}, {MSB: 8}, {MSB: 6, LSB: 4}, {MSB: 12, LSB: 4}, {MSB: 4, LSB: 4, PerChannel: true}, {MSB: 10, PerChannel: true}}

func filled(f Format, n int) *Rows {
	rows := NewRows(8, f)
	for i := range n {
		row := make([]float32, 8)
		for c := range row {
			row[c] = float32(i*c%13) - 6
		}
		rows.Append(row)
	}
	return rows
}

func read(rows *Rows, list []int32) []float32 {
	n := rows.Len()
	if list != nil {
		n = len(list)
	}
	out := make([]float32, n*rows.Dim())
	var s Scratch
	rows.Read(out, &s, list, 0, true, false)
	return out
}

// TestKeep: rows that are kept read as before, again and again, and a listed read is the same as keeping them; a copy is not touched.
func TestKeep(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		rows := filled(rapid.SampledFrom(formats).Draw(r, "format"), rapid.IntRange(0, 200).Draw(r, "n"))
		for range 3 {
			before, clone := read(rows, nil), rows.Clone()
			var list []int32
			for i := range rows.Len() {
				if rapid.IntRange(0, 3).Draw(r, "stays") > 0 {
					list = append(list, int32(i))
				}
			}
			if list == nil {
				list = []int32{}
			}
			want := read(rows, list)
			rows.Keep(list)
			if got := read(rows, nil); !slices.Equal(got, want) || rows.Len() != len(list) {
				r.Fatalf("%+v: kept rows read differently", rows.Format())
			}
			if !slices.Equal(read(clone, nil), before) {
				r.Fatalf("%+v: the copy has changed", rows.Format())
			}
			rows.Append(make([]float32, 8))
		}
	})
}

// TestMemoryShrinks: pruned rows leave memory, and the bits read are the bits stored.
func TestMemoryShrinks(t *testing.T) {
	for _, f := range formats {
		rows := filled(f, 4096)
		full := rows.Bytes()
		if stored := rows.ReadBits(4096, 4096) / 8; full < stored || full > stored*3/2+4096 {
			t.Errorf("%+v: %d bytes in memory for %d stored", f, full, stored)
		}
		var list []int32
		for i := int32(0); i < 4096; i += 8 {
			list = append(list, i)
		}
		rows.Keep(list)
		if got := rows.Bytes(); got > full/3 { // scales by channel stay as long as a row of their block does
			t.Errorf("%+v: an eighth of the rows takes %d of %d bytes", f, got, full)
		}
	}
}

// TestOddNumbers: zeros, the largest numbers, infinities and NaN are stored without a crash; zeros stay (half a step off at most).
func TestOddNumbers(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, f := range formats {
		rows := NewRows(8, f)
		for range 70 {
			rows.Append(make([]float32, 8))
		}
		for i, v := range read(rows, nil) {
			if v != 0 {
				t.Fatalf("%+v: a zero reads as %g at %d", f, v, i)
			}
		}
		for range 70 {
			rows.Append([]float32{math.MaxFloat32, -math.MaxFloat32, inf, -inf, nan, 1e-45, 0, 1})
		}
		read(rows, nil)
	}
}

// TestGrow: rows for which there is room are appended without moving or allocating anything.
func TestGrow(t *testing.T) {
	const dim, n = 32, 200
	row := make([]float32, dim)
	for _, f := range []Format{{MSB: 32}, {MSB: 16}, {MSB: 8}, {MSB: 4, LSB: 4}, {MSB: 4, LSB: 4, InPanels: true}, {MSB: 3, PerChannel: true}, {MSB: 3, LSB: 4, PerChannel: true, InPanels: true}} {
		r := NewRows(dim, f)
		for range 3 {
			r.Append(row)
		}
		r.Grow(n)
		before := r.Bytes()
		for range n {
			r.Append(row)
		}
		if r.Bytes() != before {
			t.Errorf("%+v: %d bytes have become %d", f, before, r.Bytes())
		}
	}
}

func TestResetKeepsTheMemory(t *testing.T) {
	row := []float32{1, 2, 3, 4, 5, 6, 7, 8}
	for _, bits := range []int{32, 16} {
		r := NewRows(len(row), Format{MSB: bits})
		r.Append(row)
		r.Append(row)
		before := r.Bytes()
		if r.Reset(); r.Len() != 0 || r.Bytes() != before {
			t.Errorf("%d bits: %d rows in %d bytes are left, want 0 in %d", bits, r.Len(), r.Bytes(), before)
		}
		r.Append(row)
		got := make([]float32, len(row))
		if r.Read(got, new(Scratch), nil, 0, true, false); !slices.Equal(got, row) {
			t.Errorf("%d bits: a row after a reset reads %v", bits, got)
		}
	}
}
