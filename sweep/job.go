// Package sweep is part of stage 9, results to people: it reads a grid of settings, and writes the table of what comes of
// every one: simulated, or judged. One process computes it, or many machines do, over NATS JetStream.
//
// Reading guide: grid.go is what people write, plan.go turns it into jobs with an identity (job.go), kind.go runs one,
// table.go and front.go are what comes out. local.go does it all in one process. The rest is for many: server.go is the
// engine, bus.go how it is used, worker.go computes, coordinator.go watches, ledger.go decides what is believed.
package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Job is one computation: everything that its result depends on. Data are named by the hash of their content.
type Job struct {
	Kind     string    `json:"kind"`
	Version  string    `json:"version"` // of the code; see Version
	Workload *Workload `json:"workload,omitempty"`
	Machine  string    `json:"machine,omitempty"`  // file: the machine with its overrides, as JSON
	Schedule string    `json:"schedule,omitempty"` // file: canonical YAML; or one of the words of the kind
	Seed     uint64    `json:"seed,omitempty"`
	Model    string    `json:"model,omitempty"` // file: the list of the model's files
	Data     []Text    `json:"data,omitempty"`
	Judge    *Judge    `json:"judge,omitempty"`
	Levels   []int     `json:"levels,omitempty"` // of a candidate, one a layer
}

// Workload is what a machine simulates: recorded, or made for a shape.
type Workload struct {
	File   string `json:"file,omitempty"`   // a trace or a CSV
	Format string `json:"format,omitempty"` // "trace" or "csv"

	Model     string `json:"model,omitempty"` // one of the paper's four
	Tokens    int    `json:"tokens,omitempty"`
	Generated int    `json:"generated,omitempty"`
	First     int    `json:"first,omitempty"` // of the generated tokens the first that is simulated
	Steps     int    `json:"steps,omitempty"` // how many are
}

// Text is a text or a set of examples, by content; the name is part of what is reported.
type Text struct {
	Name string `json:"name"`
	File string `json:"file"`
}

// Judge says how a model is judged.
type Judge struct {
	Precision string `json:"precision"`
	Prompt    int    `json:"prompt,omitempty"`
	Continue  int    `json:"continue,omitempty"`
	Excerpts  int    `json:"excerpts,omitempty"`
}

// encode is the canonical form: JSON, keys in the order of the type.
func (j *Job) encode() []byte {
	b, err := json.Marshal(j)
	if err != nil {
		panic(err) // plain data
	}
	return b
}

// ID is the job's identity: the SHA-256 of its canonical form, in hexadecimal. Equal jobs have equal results, whoever
// computes them and how often.
func (j *Job) ID() string { return hash(j.encode()) }

// hash names content: SHA-256 in hexadecimal.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// isHash reports whether s could be the name of content.
func isHash(s string) bool {
	if len(s) != 2*sha256.Size || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

// chosen reports whether a job belongs to a share of all jobs: always the same ones, evenly spread.
func chosen(id string, share float64) bool {
	v, err := strconv.ParseUint(id[:13], 16, 64)
	return err == nil && float64(v) < share*(1<<52)
}

// Result is what a job came to, with who says so.
type Result struct {
	Job     string          `json:"job"`
	Version string          `json:"version"`
	Worker  string          `json:"worker"`
	Values  json.RawMessage `json:"values,omitempty"` // what was measured
	Error   string          `json:"error,omitempty"`  // why nothing was
	Hash    string          `json:"hash"`             // of job, version, values and error: see digest
}

// digest is the hash of all that must agree between two results of a job.
func (r *Result) digest() string {
	b, err := json.Marshal([]any{r.Job, r.Version, r.Values, r.Error})
	if err != nil {
		return "" // values that are no JSON have no hash
	}
	return hash(b)
}

// seal fills in the hash.
func (r *Result) seal() *Result {
	r.Hash = r.digest()
	return r
}

// check reports whether a result is whole and speaks of this job and this code.
func (r *Result) check(id, version string) error {
	switch {
	case r.Job != id:
		return fmt.Errorf("it is of job %.12s", r.Job)
	case r.Version != version:
		return fmt.Errorf("it was computed by version %q, this sweep is of %q", r.Version, version)
	case r.Hash == "" || r.Hash != r.digest():
		return fmt.Errorf("its hash does not fit its values")
	}
	return nil
}
