package paper

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Facts are the published tables and figures as data/published.yaml holds them.
type Facts struct {
	Summary struct {
		DRAM        float64            `yaml:"dram_reduction"`
		Compute     float64            `yaml:"compute_reduction"`
		Rows        map[string]float64 `yaml:"token_and_value_reduction"`
		Heads       float64            `yaml:"head_reduction"`
		Progressive float64            `yaml:"progressive_quantization_dram_reduction"`
		LSBShare    float64            `yaml:"lsb_fetch_share"`
		BERT        float64            `yaml:"bert_tflops"`
		GPT2        float64            `yaml:"gpt2_tflops"`
		DRAMShare   float64            `yaml:"dram_share_of_power"`
	}
	Setup struct {
		ClockGHz    float64 `yaml:"clock_ghz"`
		Technology  string
		Multipliers struct{ QK, PV, Bits int }
		SRAM        struct{ Key, Value int } `yaml:"sram_kb"`
		Crossbar    struct {
			Address, Data string
			FIFODepth     int `yaml:"fifo_depth"`
			AddressBytes  int `yaml:"address_bytes"`
			DataBytes     int `yaml:"data_bytes"`
		}
		Softmax struct {
			Parallelism int
			FIFODepth   int `yaml:"fifo_depth"`
			Exp, Units  string
		}
		AdderTree int `yaml:"adder_tree_outputs_per_cycle"`
		TopK      struct {
			Comparators int `yaml:"comparators_per_array"`
			Engines     int
		}
		HBM2 struct {
			Channels, Bits int
			RateGHz        float64 `yaml:"rate_ghz"`
			Pseudo         int     `yaml:"pseudo_channels_per_channel"`
			Channel        float64 `yaml:"gb_per_s_per_channel"`
		}
		Eighth struct {
			Multipliers int
			Bandwidth   float64 `yaml:"gb_per_s"`
			Area        float64 `yaml:"area_mm2"`
		} `yaml:"spatten_eighth"`
	}
	Power     map[string]float64 `yaml:"power_w"`
	Area      map[string]float64 `yaml:"area_mm2"`
	ChipPower map[string]float64 `yaml:"onchip_power_w"`
	PriorArt  map[string]struct {
		GOPS    float64
		GOPPerJ float64 `yaml:"gop_per_j"`
		PerArea float64 `yaml:"gops_per_mm2"`
		Area    float64 `yaml:"area_mm2"`
		Geomean float64 `yaml:"geomean_speedup_from_sparsity"`
	} `yaml:"prior_art"`
	EndToEnd struct {
		Machines map[string]map[string]float64          `yaml:",inline"`
		Geomean  map[string]struct{ FC8, FC12 float64 } `yaml:"speedup_geomean"`
	} `yaml:"end_to_end"`
	Breakdown   map[string]float64            `yaml:"speedup_breakdown_over_titan_xp"`
	Sorter      map[string]float64            `yaml:"topk_vs_batcher_odd_even_sorter_1024"`
	Comparators map[int]float64               `yaml:"topk_parallelism_gflops"`
	SRAM        map[int]float64               `yaml:"sram_kb_gflops"`
	TokenCurve  [][2]float64                  `yaml:"accuracy_vs_token_pruning_gpt2_small_ptb"`
	HeadCurve   [][2]float64                  `yaml:"accuracy_vs_head_pruning_bert_base_cola"`
	Latency     map[string]map[string]float64 `yaml:"latency_breakdown_ms"`
	Roofline    map[string]map[string]float64 `yaml:"roofline_tflops"`
	Codesign    struct {
		Speedup float64          `yaml:"speedup_over_big"`
		Smaller float64          `yaml:"smaller_than_big"`
		Space   map[string][]int `yaml:"search_space"`
	}
}

func readFacts() (*Facts, error) {
	b, err := data.ReadFile("data/published.yaml")
	if err != nil {
		return nil, err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	f := new(Facts)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("published.yaml: %w", err)
	}
	return f, nil
}

// Published reads a figure that is a table of names and columns: "speedup" and "energy_saving" (Fig. 14, by benchmark
// and "geomean", and platform), "e2e_speedup" (Fig. 15).
func Published(what string) (map[string]map[string]float64, error) {
	rows, err := readCSV(what)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]float64{}
	for _, row := range rows[1:] {
		out[row[0]] = map[string]float64{}
		for i, cell := range row[1:] {
			if out[row[0]][rows[0][i+1]], err = strconv.ParseFloat(cell, 64); err != nil {
				return nil, fmt.Errorf("%s.csv, %s: %w", what, row[0], err)
			}
		}
	}
	return out, nil
}

func readCSV(what string) ([][]string, error) {
	b, err := data.ReadFile("data/" + what + ".csv")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s.csv: %w", what, err)
	}
	return rows, nil
}

// publishedErrors are the 576 points of Fig. 7: largest probability and mean absolute error at four bits.
func publishedErrors() ([][2]float64, error) {
	rows, err := readCSV("max_probability_vs_int4_error")
	if err != nil {
		return nil, err
	}
	var out [][2]float64
	for _, row := range rows[1:] {
		var p [2]float64
		for i := range p {
			if p[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				return nil, fmt.Errorf("max_probability_vs_int4_error.csv: %w", err)
			}
		}
		out = append(out, p)
	}
	return out, nil
}
