package serve

import (
	"bytes"
	"context"
	"net/http"

	"spatten/accel"
	"spatten/accel/config"
	"spatten/attention"
	"spatten/attention/record"
	"spatten/eval"
	"spatten/generate"
	"spatten/serve/openai"
	"spatten/tokenizer"
	"spatten/trace"
)

// record runs the page's request once more and returns its trace.
func (s *Server) record(r *http.Request, q *lookRequest) (*bytes.Buffer, *openai.Error) {
	m, e := s.model(q.Model, func(*Model) bool { return true })
	if e == nil && (q.MaxTokens < 0 || q.MaxTokens > lookGenerated) {
		e = openai.BadRequest("max_tokens", "max_tokens is %d; the page generates 0 to %d tokens", q.MaxTokens, lookGenerated)
	}
	if e != nil {
		return nil, e
	}
	t, e := m.lookText(q)
	if e != nil {
		return nil, e
	}
	schedule, e := m.pruning(q.Spatten, len(t.tokens)+q.MaxTokens)
	if e != nil {
		return nil, e
	}
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, record.Wants{})
	if err == nil && m.engine == nil {
		s.turn.Lock()
		_, err = eval.Forward(m.gen.Model, m.gen.CPU, m.gen.Tokenizer, t.tokens, schedule, attention.Float, 0, w)
		s.turn.Unlock()
	} else if err == nil {
		err = m.recordStream(r.Context(), generate.Options{Schedule: schedule, MaxTokens: max(1, q.MaxTokens), CacheBits: m.cacheBits, Recorder: w}, t.tokens)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, refusal(err)
	}
	return &file, nil
}

// recordStream continues the tokens to the end of the job, whose trace the options' recorder writes.
func (m *Model) recordStream(ctx context.Context, o generate.Options, tokens []tokenizer.Token) error {
	j, err := m.engine.Submit(ctx, tokenizer.IDs(tokens), o)
	if err != nil {
		return err
	}
	for e := range j.Events {
		err = e.Err
	}
	return err
}

// saveTrace answers POST /api/trace: the trace of the page's run as a file.
func (s *Server) saveTrace(w http.ResponseWriter, r *http.Request) {
	var q lookRequest
	e := openai.Decode(r.Body, &q)
	var file *bytes.Buffer
	if e == nil {
		file, e = s.record(r, &q)
	}
	if e != nil {
		e.Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="run.trace"`)
	w.Write(file.Bytes())
}

// replayRequest is POST /api/simulate: the page's run, and a machine.
type replayRequest struct {
	lookRequest
	Machine string `json:"machine"`
}

// slice is one piece of the timeline.
type slice struct {
	Unit  string `json:"unit"`
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Name  string `json:"name"`
}

// maxSlices is how much of a timeline the page draws; the whole of it is for the Perfetto viewer.
const maxSlices = 6000

// sliceList gathers the beginning of a timeline.
type sliceList struct{ list []slice }

// Slice implements accel.Observer.
func (s *sliceList) Slice(track accel.Track, first, last int64, name string) {
	if len(s.list) < maxSlices {
		s.list = append(s.list, slice{track.String(), first, last, name})
	}
}

// Count implements accel.Observer.
func (s *sliceList) Count(string, int64, int64) {}

// simulate answers POST /api/simulate: the run replayed on a machine, and its dense equivalent.
func (s *Server) simulate(w http.ResponseWriter, r *http.Request) {
	var q replayRequest
	e := openai.Decode(r.Body, &q)
	var machine config.Machine
	if e == nil {
		machine, e = namedMachine(q.Machine)
	}
	var file *bytes.Buffer
	if e == nil {
		file, e = s.record(r, &q.lookRequest)
	}
	var pruned, dense accel.Result
	var line sliceList
	if e == nil {
		pruned, e = replay(r.Context(), file.Bytes(), machine, 0, &line)
	}
	if e == nil {
		dense, e = replay(r.Context(), file.Bytes(), machine, denseBits, nil)
	}
	if e != nil {
		e.Write(w)
		return
	}
	writeJSON(w, map[string]any{"pruned": pruned, "dense": dense, "timeline": line.list})
}

// denseBits is the width at which the dense run beside ours stores its operands: fp32, as the paper compares.
const denseBits = 32

// replay simulates a trace, as it is or made dense.
func replay(ctx context.Context, file []byte, m config.Machine, dense uint8, o accel.Observer) (accel.Result, *openai.Error) {
	reader, err := trace.NewReader(bytes.NewReader(file))
	if err != nil {
		return accel.Result{}, refusal(err)
	}
	defer reader.Close()
	records := reader.Records()
	if dense > 0 {
		records = accel.Dense(records, dense)
	}
	result, err := accel.Simulate(ctx, records, m, accel.Options{Observer: o})
	if err != nil {
		return result, refusal(err)
	}
	return result, nil
}

// namedMachine loads an embedded machine: a request names no files.
func namedMachine(name string) (config.Machine, *openai.Error) {
	for _, known := range Machines() {
		if known == name {
			m, err := config.Load(name, nil)
			if err != nil {
				return m, openai.BadRequest("machine", "%v", err)
			}
			return m, nil
		}
	}
	return config.Machine{}, openai.BadRequest("machine", "there is no machine %.100q", name)
}

// Machines lists the embedded machines that replay traces.
func Machines() []string {
	var names []string
	for _, name := range config.Names() {
		if kind, err := config.Kind(name); err == nil && kind == config.KindSpAtten {
			names = append(names, name)
		}
	}
	return names
}

// tracing is the trace of one job, in memory.
type tracing struct {
	file   bytes.Buffer
	writer *trace.Writer
}

// trace lets a job write its trace, where an accelerator is configured.
func (a *answer) trace(o *generate.Options) *openai.Error {
	if a.server.config.Machine == "" {
		return nil
	}
	t := &tracing{}
	var err error
	if t.writer, err = trace.NewWriter(&t.file, record.Wants{}); err != nil {
		return refusal(err)
	}
	o.Recorder = t.writer
	a.traces = append(a.traces, t)
	return nil
}

// accelerate adds to the usage what the configured accelerator would have taken for a finished job.
func (a *answer) accelerate(ctx context.Context, choice int) {
	if len(a.traces) == 0 || a.usage.Spatten == nil {
		return
	}
	t := a.traces[choice]
	m, e := namedMachine(a.server.config.Machine)
	if e == nil && t.writer.Close() == nil {
		var r accel.Result
		if r, e = replay(ctx, t.file.Bytes(), m, 0, nil); e == nil {
			u := a.usage.Spatten
			cycles, energy := r.Cycles, 0.0
			for _, j := range r.EnergyJ {
				energy += j
			}
			if u.Cycles != nil {
				cycles, energy = cycles+*u.Cycles, energy+*u.EnergyJ
			}
			u.Cycles, u.EnergyJ = &cycles, &energy
		}
	}
	if e != nil {
		a.server.config.Log.Warn("a text could not be simulated", "error", e.Message)
	}
}
