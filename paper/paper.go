// Package paper is the reproduction: it reads the facts that SpAtten (HPCA 2021, arXiv 2012.09852) published, held here as
// data, and the results of the accelerator and of its rivals, and writes ours beside theirs.
//
// Three kinds of numbers are told apart everywhere: published ones, ones inferred from published averages by one rule for
// all benchmarks, and ones that we simulate.
package paper

import (
	"bytes"
	"embed"
	"fmt"
	"math"

	"go.yaml.in/yaml/v3"

	"spatten/accel/synthetic"
	"spatten/attention/record"
)

//go:embed data
var data embed.FS

// Model is one of the four models. Fit models are what platform models are fitted on; the others are predicted.
type Model struct {
	Name        string
	Family      string // "bert" or "gpt2"
	Layers      int
	Heads       int
	HeadDim     int `yaml:"head_dim"`
	FeedForward int `yaml:"feed_forward"`
	Fit         bool
}

// Shape is the model as the generator of traces knows it.
func (m Model) Shape() synthetic.Shape {
	return synthetic.Shape{Name: m.Name, Architecture: m.Family, Layers: m.Layers, Heads: m.Heads, HeadDim: m.HeadDim, FeedForward: m.FeedForward}
}

// Benchmark is a model on a task.
type Benchmark struct {
	Name      string
	Model     Model
	Tokens    int    // of the sentence, or of the prompt
	Generated int    // tokens generated after the prompt; 0 for an encoder
	Source    string // where Tokens comes from
}

// Rule infers what was not published per task, for all benchmarks alike.
type Rule struct {
	RowsReduction  map[string]float64 `yaml:"rows_reduction"`
	HeadsReduction float64            `yaml:"heads_reduction"`
	ValuesOfKeys   map[string]float64 `yaml:"values_of_keys"`
	Bits           map[string]struct {
		Query  uint8
		KeyMSB uint8 `yaml:"key_msb"`
		KeyLSB uint8 `yaml:"key_lsb"`
		Value  uint8
	}
	LSBShare  map[string]float64 `yaml:"lsb_share"`
	Threshold float32
}

func (r *Rule) bits(family string) record.Bits {
	b := r.Bits[family]
	return record.Bits{Query: b.Query, KeyMSB: b.KeyMSB, KeyLSB: b.KeyLSB, Value: b.Value}
}

// Benchmarks reads the 30 benchmarks and the rule.
func Benchmarks() ([]Benchmark, *Rule, error) {
	var doc struct {
		Models []Model
		Tasks  map[string][]struct {
			Name   string
			Tokens float64
			Source string
		}
		Generated int `yaml:"generated_tokens"`
		Rule      Rule
	}
	b, err := data.ReadFile("data/benchmarks.yaml")
	if err != nil {
		return nil, nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, nil, fmt.Errorf("benchmarks.yaml: %w", err)
	}
	var out []Benchmark
	for _, m := range doc.Models {
		for _, t := range doc.Tasks[m.Family] {
			x := Benchmark{Name: m.Name + "-" + t.Name, Model: m, Tokens: int(math.Round(t.Tokens)), Source: t.Source}
			if m.Family == "gpt2" {
				x.Generated = doc.Generated
			}
			out = append(out, x)
		}
	}
	return out, &doc.Rule, nil
}

// Platforms names the measured platforms in the order of the published figure.
var Platforms = []string{"titan_xp_gpu", "xeon_cpu", "jetson_nano_gpu", "raspberry_pi_arm_cpu"}

// geomeanRow is the row of the figure that holds geometric means.
const geomeanRow = "geomean"
