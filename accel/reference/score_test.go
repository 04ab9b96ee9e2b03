package reference

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"spatten/internal/shared"
)

// The generated key index tables are those that the reference's Verilog loads, number for number.
func TestKeyIndexTable(t *testing.T) {
	for _, c := range []struct{ multipliers, lines, downsample int }{{64, 2048, 8}, {64, 2048, 4}, {64, 2048, 1}, {512, 256, 1}} {
		name := fmt.Sprintf("score_buf_m%d_b%d_r%d.txt", c.multipliers, c.lines, c.downsample)
		want, err := os.ReadFile(shared.Path(t, "reference", "rtl", name))
		if err != nil {
			t.Fatal(err)
		}
		g, err := Machine{c.multipliers, c.lines, c.downsample, 8, 0, 0}.geometry()
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for line := range slices.Chunk(KeyIndexTable(g.ports, g.lines, g.keyCap), g.ports) {
			fmt.Fprintln(&got, strings.Trim(fmt.Sprint(line), "[]"))
		}
		if got.String() != string(want) {
			t.Errorf("%s differs from the generated table", name)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("iteration_id,key_fetch_num,value_fetch_num,quant_key_bit,quant_value_bit,if_requant\n0,8,8,6,6,True\nnote,,,,,\n")
	f.Add("key_fetch_num,key_fetch_num\n")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for row, err := range ReadCSV(strings.NewReader(text), CSVOptions{Comparators: 16}) {
			if n++; err == nil && (row.Keys < 1 || row.Values < 1) || n > 100 || err == nil && row.Keys > 1<<12 {
				return
			}
		}
	})
}
