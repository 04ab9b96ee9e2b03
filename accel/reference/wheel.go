package reference

import "math/bits"

// unit is a part of the machine that is stepped by itself. Units are numbered in the order in which they are
// stepped within a cycle, from the last stage to the first.
type unit uint8

const (
	uMultiply unit = iota
	uValueReader
	uCrossbar
	uLoad
	uArbitrate
	uValueFork
	uTopK
	uRequant
	uDecide
	uDot
	uKeyReader
	uKeyStage
	uAdmit
	numUnits
)

// Channels of the DRAM come after the units: they are stepped with the crossbar.
const (
	maxChannels = 16
	uChannel    = unit(16)
	crossing    = 1<<uCrossbar | (1<<maxChannels-1)<<uChannel
)

// wheel says which units have to be stepped when. A unit that moved is stepped again in the next cycle; a unit
// that waits for time names the cycle; a unit that waits for a neighbour is woken by it. To be woken too often
// does no harm. So cycles, and units, with nothing to do cost nothing.
type wheel struct {
	now   int64
	due   uint64            // units still to be stepped in this cycle
	slots [wheelSize]uint64 // units due in each of the coming cycles
	used  uint64            // slots that are not empty
}

const wheelSize = 64

// wake has u stepped at a later cycle.
func (w *wheel) wake(u unit, at int64) {
	if uint64(at-w.now-1) >= wheelSize-1 {
		if at >= never {
			return
		}
		at = w.near(at)
	}
	w.slots[uint64(at)%wheelSize] |= 1 << (u & 63)
	w.used |= 1 << (uint64(at) % wheelSize)
}

// near is a cycle that the wheel has: what is further away is looked at earlier, and again.
func (w *wheel) near(at int64) int64 {
	if at <= w.now {
		return w.now + 1
	}
	return w.now + wheelSize - 1
}

// same has u, which comes later in the order, stepped in this cycle.
func (w *wheel) same(u unit) { w.due |= 1 << u }

// after has u stepped in the next cycle.
func (w *wheel) after(u unit) {
	slot := uint64(w.now+1) % wheelSize
	w.slots[slot] |= 1 << (u & 63)
	w.used |= 1 << slot
}

// advance moves to the next cycle in which a unit is due; it reports whether there is one.
func (w *wheel) advance() bool {
	if w.used == 0 {
		return false
	}
	slot := uint64(w.now) % wheelSize
	d := bits.TrailingZeros64(bits.RotateLeft64(w.used, -int(slot+1))) + 1
	w.now += int64(d)
	slot = uint64(w.now) % wheelSize
	w.due = w.slots[slot]
	w.slots[slot] = 0
	w.used &^= 1 << slot
	return true
}

// advanceOnly is advance if only units of a set are due in that cycle.
func (w *wheel) advanceOnly(units uint64) bool {
	slot := uint64(w.now) % wheelSize
	d := bits.TrailingZeros64(bits.RotateLeft64(w.used, -int(slot+1))) + 1
	slot = uint64(w.now+int64(d)) % wheelSize
	if w.used == 0 || w.slots[slot]&^units != 0 {
		return false
	}
	w.now += int64(d)
	w.due = w.slots[slot]
	w.slots[slot] = 0
	w.used &^= 1 << slot
	return true
}
