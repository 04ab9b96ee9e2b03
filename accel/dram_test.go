package accel

import (
	"testing"

	"spatten/accel/hbm"
)

// The interleaved map is one to one, keeps a row's bytes in a row, and puts neighbouring bursts in different
// pseudo-channels.
func TestInterleave(t *testing.T) {
	o := hbm.HBM2().Org
	places := hbm.NewAddressMap(o)
	seen := map[uint64]bool{}
	rows := map[hbm.Place]int{}
	for i := range uint64(4096) {
		to := newInterleaving(&o).apply(i * 32)
		if seen[to] || to%32 != 0 || to >= 4096*32 {
			t.Fatalf("burst %d goes to %d, which is taken or outside", i, to)
		}
		seen[to] = true
		p := places.Place(to)
		if int(p.Pseudo) != int(i%2) {
			t.Fatalf("burst %d lies in pseudo-channel %d", i, p.Pseudo)
		}
		rows[p]++
	}
	for p, n := range rows {
		if n != o.RowBytes/o.BurstBytes {
			t.Errorf("%d bursts in row %v, a row holds %d", n, p, o.RowBytes/o.BurstBytes)
		}
	}
}

// The commands of a run are legal (invariant 4): an independent checker replays the log of every channel.
func TestCommandsAreLegal(t *testing.T) {
	m := machine(t, "spatten")
	d, err := newDRAM(&m)
	if err != nil {
		t.Fatal(err)
	}
	checked := int64(0)
	for i, c := range d.controllers {
		s := hbm.HBM2()
		k := hbm.NewChecker(s)
		c.SetLog(func(sent hbm.Sent) {
			if err := k.Check(sent); err != nil && !t.Failed() {
				t.Errorf("channel %d: %v", i, err)
			}
			checked++
		})
	}
	if _, err := simulateOn(t.Context(), d, medium(t, 1), m, Options{}); err != nil {
		t.Fatal(err)
	}
	if checked < 500_000 {
		t.Errorf("only %d commands checked", checked)
	}
}
