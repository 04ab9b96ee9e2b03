package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// kind is one sort of computation.
type kind struct {
	axes    []string     // columns that name a point
	keys    []string     // of the grid, that it has a use for
	values  reflect.Type // struct of what is measured: its fields are columns
	front   *Front       // by default
	expand  func(g *Grid, p *Plan, add func(axes []string, j Job) error) error
	compute func(ctx context.Context, j *Job, files Files) (any, error)
}

// kinds are all sorts by name.
var kinds map[string]*kind

func init() {
	kinds = map[string]*kind{
		"simulate": simulateKind, "perplexity": perplexityKind, "accuracy": accuracyKind, "candidate": candidateKind,
	}
}

func kindNames() []string { return slices.Sorted(maps.Keys(kinds)) }

// failed marks an error that is the job's result: whoever computes it comes to the same.
type failed struct{ error }

// compute runs a job. A result that is an error is a result; an error that is returned says that there is none, for a
// reason outside of the job.
func compute(ctx context.Context, j *Job, files Files) (r *Result, err error) {
	r = &Result{Job: j.ID(), Version: j.Version}
	k, ok := kinds[j.Kind]
	if !ok {
		return nil, fmt.Errorf("sweep: kind %q is not known to this version of the program", j.Kind)
	}
	defer func() {
		if p := recover(); p != nil {
			r, err = (&Result{Job: r.Job, Version: j.Version, Error: fmt.Sprintf("panic: %v", p)}).seal(), nil
		}
	}()
	v, err := k.compute(ctx, j, files)
	var f failed
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &f):
		r.Error = f.Error()
		return r.seal(), nil
	case err != nil:
		return nil, err
	}
	if r.Values, err = json.Marshal(v); err != nil {
		r.Values, r.Error = nil, fmt.Sprintf("measured what is no number: %v", err)
	}
	return r.seal(), nil
}
