package reference

import (
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	c, err := Load("reference-rtl", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Machine() != Default() {
		t.Errorf("the file's machine is %+v, the script's %+v", c.Machine(), Default())
	}
	if c, err = Load("reference-rtl", []string{"multipliers=512", "fetch_rounding=32"}); err != nil || c.Machine().Multipliers != 512 || c.FetchRounding != 32 {
		t.Errorf("overridden: %+v, %v", c, err)
	}
	for _, bad := range []string{"multipliers=100", "multiplier=64", "bandwidth_downsample=0", "comparators=0"} {
		if _, err := Load("reference-rtl", []string{bad}); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	if _, err := Load("spatten", nil); err == nil || !strings.Contains(err.Error(), "spatten") {
		t.Errorf("another kind of machine: %v", err)
	}
}
