package reference

import (
	"fmt"

	"spatten/accel/config"
)

// ConfigKind is the kind of the machine's YAML file.
const ConfigKind = "reference-rtl"

// Config is the machine's YAML file.
type Config struct {
	Kind                string  `yaml:"kind"`
	Name                string  `yaml:"name"`
	ClockGHz            float64 `yaml:"clock_ghz"`
	Multipliers         int     `yaml:"multipliers"`
	BufferLines         int     `yaml:"buffer_lines"`
	BandwidthDownsample int     `yaml:"bandwidth_downsample"`
	FetchRounding       int     `yaml:"fetch_rounding"`
	Comparators         int     `yaml:"comparators"`
	IssueGap            int     `yaml:"issue_gap_cycles"`
	FirstIssue          int     `yaml:"first_issue_cycle"`
	DRAMBit             float64 `yaml:"dram_bit_pj"`
	DRAMActivation      float64 `yaml:"dram_activation_pj"`
}

// Load reads the machine by name or from a file, with overrides as "key=value".
func Load(name string, sets []string) (Config, error) {
	var c Config
	if err := config.Decode(name, sets, &c); err != nil {
		return c, err
	}
	if c.Kind != ConfigKind {
		return c, fmt.Errorf("machine %s is of kind %q, not %q", name, c.Kind, ConfigKind)
	}
	if c.Comparators < 1 || c.IssueGap < 0 || c.FirstIssue < 0 {
		return c, fmt.Errorf("machine %s: comparators must be at least 1, issue_gap_cycles and first_issue_cycle at least 0", name)
	}
	if _, err := c.Machine().geometry(); err != nil {
		return c, fmt.Errorf("machine %s: %w", name, err)
	}
	return c, nil
}

// Machine is what Simulate takes.
func (c Config) Machine() Machine {
	return Machine{Multipliers: c.Multipliers, BufferLines: c.BufferLines, BandwidthDownsample: c.BandwidthDownsample,
		FetchRounding: c.FetchRounding, IssueGap: c.IssueGap, FirstIssue: c.FirstIssue}
}

// Joules is the energy of the DRAM: bits and activations.
func (c Config) Joules(r *Result) float64 {
	var activations int64
	for _, s := range r.Channels {
		activations += s.Activations
	}
	return 1e-12 * (8*float64(r.DRAMBytes)*c.DRAMBit + float64(activations)*c.DRAMActivation)
}
