package sweep

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"spatten/attention"
)

//go:embed grids/*.yaml
var embedded embed.FS

// maxGridBytes is the largest grid file that is read.
const maxGridBytes = 1 << 20

// Grid is what people write: the values of every axis. Its points are all combinations. docs/sweep.md has the keys.
type Grid struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // simulate, perplexity, accuracy or candidate

	Workloads []GridWorkload `yaml:"workloads"` // of simulate
	Machines  []string       `yaml:"machines"`
	Sets      [][]string     `yaml:"sets"` // overrides of the machines, one list a point; default: one empty list
	Seeds     []uint64       `yaml:"seeds"`

	Models    []string `yaml:"models"` // of the other kinds
	Texts     []string `yaml:"texts"`  // all are part of every point
	Data      []string `yaml:"data"`   // of accuracy: one file a point
	Precision []string `yaml:"precision"`
	Prompt    int      `yaml:"prompt"`
	Continue  int      `yaml:"continue"`
	Excerpts  int      `yaml:"excerpts"`
	Rungs     []int    `yaml:"rungs"` // of candidate: of the ladder of tune; default: all
	Bases     []int    `yaml:"bases"` // of candidate: rungs beside which one layer is moved at a time

	Schedules []GridSchedule `yaml:"schedules"`
	Front     *Front         `yaml:"front"`
}

// GridWorkload is a recorded file, a benchmark of the paper, or a model's shape with numbers of tokens.
type GridWorkload struct {
	Name      string         `yaml:"name"`
	File      string         `yaml:"file"`      // a trace, or a published workload as .csv
	Benchmark string         `yaml:"benchmark"` // bert-base-cola, …
	Model     string         `yaml:"model"`     // bert-base, bert-large, gpt2-small, gpt2-medium
	Tokens    int            `yaml:"tokens"`
	Generated int            `yaml:"generated"`
	Steps     int            `yaml:"steps"`     // of generation: so many, from the middle; 0 is all
	Schedules []GridSchedule `yaml:"schedules"` // in place of the grid's
}

// GridSchedule is a schedule by name, by file, or written out.
type GridSchedule struct {
	Name     string
	schedule *attention.Schedule // where it is written out
}

// UnmarshalYAML reads a name or a schedule.
func (s *GridSchedule) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return node.Decode(&s.Name)
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	if s.schedule, err = attention.ParseSchedule(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	if s.Name = s.schedule.Name; s.Name == "" {
		return fmt.Errorf("line %d: a schedule that is written out needs a name", node.Line)
	}
	return nil
}

// GridNames lists the grids that come with the program.
func GridNames() []string {
	entries, _ := fs.ReadDir(embedded, "grids")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// LoadGrid reads a grid by name, or from a file. Paths in a file are relative to the working folder.
func LoadGrid(name string) (*Grid, error) {
	var src []byte
	var err error
	if slices.Contains(GridNames(), name) {
		src, err = embedded.ReadFile("grids/" + name + ".yaml")
	} else {
		var info os.FileInfo
		if info, err = os.Stat(name); err == nil && (!info.Mode().IsRegular() || info.Size() > maxGridBytes) {
			err = fmt.Errorf("not a regular file of at most %d bytes", maxGridBytes)
		}
		if err == nil {
			src, err = os.ReadFile(name)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("grid %q: neither a file nor one of %s", name, strings.Join(GridNames(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("grid %s: %w", name, err)
	}
	g, err := ParseGrid(src)
	if err != nil {
		return nil, fmt.Errorf("grid %s: %w", name, err)
	}
	return g, nil
}

// ParseGrid reads a grid's YAML. Unknown keys are errors, and so is what its kind has no use for.
func ParseGrid(src []byte) (*Grid, error) {
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	var g Grid
	if err := d.Decode(&g); err != nil {
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); err == nil {
		return nil, errors.New("more than one document; a file holds one grid")
	}
	if g.Name == "" || strings.ContainsFunc(g.Name, func(r rune) bool { return r < '-' || r > 'z' || r == '/' || r == '\\' }) || g.Name[0] == '.' {
		return nil, fmt.Errorf("name %q: a word of letters, digits, '-', '_' and '.', as files are named after it", g.Name)
	}
	k, ok := kinds[g.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q: write one of %s", g.Kind, strings.Join(kindNames(), ", "))
	}
	for key, n := range map[string]int{"workloads": len(g.Workloads), "machines": len(g.Machines), "sets": len(g.Sets), "seeds": len(g.Seeds),
		"models": len(g.Models), "texts": len(g.Texts), "data": len(g.Data), "precision": len(g.Precision), "prompt": g.Prompt,
		"continue": g.Continue, "excerpts": g.Excerpts, "schedules": len(g.Schedules), "rungs": len(g.Rungs), "bases": len(g.Bases)} {
		switch takes := slices.Contains(k.keys, key); {
		case n < 0:
			return nil, fmt.Errorf("%s: cannot be negative", key)
		case n > 0 && !takes:
			return nil, fmt.Errorf("a grid of kind %s has no %s; it has %s", g.Kind, key, strings.Join(k.keys, ", "))
		}
	}
	if g.Front != nil {
		if err := g.Front.check(k); err != nil {
			return nil, err
		}
	}
	return &g, nil
}
