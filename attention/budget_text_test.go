package attention

import "testing"

func TestParseBudget(t *testing.T) {
	for text, want := range map[string]Budget{
		"2048": {Tokens: 2048}, "24MiB": {Bytes: 24 << 20}, "1.5KB": {Bytes: 1500}, "4096B": {Bytes: 4096}, " 2 GiB": {Bytes: 2 << 30}, "25%": {Ratio: 0.25},
	} {
		if got, err := ParseBudget(text); err != nil || got != want {
			t.Errorf("%q: %+v, error %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-3", "1.5", "MiB", "-1MiB", "NaNMB", "NaN%", "0%", "1e300GB", "12 tokens", "0B"} {
		if got, err := ParseBudget(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}
