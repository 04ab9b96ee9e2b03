// Package live is the paper's claims on models that run here: it reads models and texts and writes what pruning them costs
// and saves, beside the synthetic benchmarks: real traces on the machine, accuracy over ratio, errors of narrow keys, pictures
// of what is pruned.
package live

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/eval"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

// Sources say where models and data sets lie. Empty or absent folders leave the embedded model on embedded sentences.
type Sources struct {
	Models string // holds minilm-l6-v2-f16 and smollm2-135m-instruct
	Data   string // holds sst2, stsb, cola, mrpc, rte, squad, wikitext2, ptb
	Short  bool   // few texts
}

// Live is what the models gave.
type Live struct {
	Runs     []Run     `json:"runs"`
	Averages []Average `json:"averages"`
	Errors   []Error   `json:"errors"` // Fig. 7
	Curves   []Curve   `json:"curves"` // Fig. 21
	Pictures []Picture `json:"pictures"`
	Asking   []Share   `json:"asking,omitempty"` // queries under a threshold
	Missing  []string  `json:"missing,omitempty"`
}

// subject is a model that is being looked at.
type subject struct {
	checkpoint *checkpoint.Checkpoint
	eval.Runner
}

func open(name string) (*subject, error) {
	c, err := checkpoint.OpenNamed(name)
	if err != nil {
		return nil, err
	}
	s := &subject{checkpoint: c}
	if s.Model, err = model.Load(c); err == nil {
		s.Tokenizer, err = tokenizer.FromCheckpoint(c)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	s.CPU = tensor.NewCPU(0, tensor.F32)
	return s, nil
}

func (s *subject) close() {
	s.CPU.Close()
	s.checkpoint.Close()
}

// own is the schedule that comes with the model.
func (s *subject) own() (*attention.Schedule, error) {
	b, err := s.checkpoint.File("schedule.yaml")
	if err != nil {
		return nil, err
	}
	return attention.ParseSchedule(bytes.NewReader(b))
}

// find is a path under a folder; "" where the folder or the file is absent.
func find(folder string, parts ...string) string {
	if folder == "" {
		return ""
	}
	path := filepath.Join(append([]string{folder}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// Observe looks at every model that there is.
func Observe(ctx context.Context, from Sources) (*Live, error) {
	l := new(Live)
	for _, look := range []func(context.Context, Sources) error{l.sentiment, l.minilm, l.smollm2} {
		if err := look(ctx, from); err != nil {
			return nil, err
		}
	}
	l.average()
	return l, nil
}
