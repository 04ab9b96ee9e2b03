package importance

import (
	"testing"

	"spatten/accel/config"
	"spatten/accel/pipe"
)

// 80 probabilities in cycles 0 to 9 are added as they come; with four adders they take twice as long.
func TestRowByHand(t *testing.T) {
	if got := New(config.Import{AddsPerCycle: 8}).Probabilities(80, pipe.Span{First: 0, Last: 9}); got != 10 {
		t.Errorf("up to date in cycle %d, by hand 10", got)
	}
	u := New(config.Import{AddsPerCycle: 4})
	if got := u.Probabilities(80, pipe.Span{First: 0, Last: 9}); got != 20 {
		t.Errorf("up to date in cycle %d, by hand 20", got)
	}
	if got := u.Output(64, 30); got != 31 || u.TokenAdds != 80 || u.HeadAdds != 64 {
		t.Errorf("head up to date in %d, %d and %d additions", got, u.TokenAdds, u.HeadAdds)
	}
}
