package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxPoints bounds a grid: a slip of a number should not fill a cluster.
const maxPoints = 1_000_000

// Plan is a grid as jobs. It is all that has to be known to make the table from results.
type Plan struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Version string  `json:"version"`
	Points  []Point `json:"points"`
	Jobs    []Job   `json:"jobs"` // in the order in which points first need them
	Front   *Front  `json:"front,omitempty"`

	files map[string]source // what jobs name by hash
}

// Point is a row of the table: a value of every axis, and the job whose result stands there.
type Point struct {
	Axes []string `json:"axes"`
	Job  int      `json:"job"` // index
}

// source is where content is: in memory or in a file.
type source struct {
	data []byte
	path string
}

// ID names the plan by its content: the same grid under the same version has the same one.
func (p *Plan) ID() string { return hash(p.Encode()) }

// Encode writes the plan as JSON.
func (p *Plan) Encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // plain data
	}
	return b
}

// DecodePlan reads what Encode has written.
func DecodePlan(b []byte) (*Plan, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var p Plan
	if err := d.Decode(&p); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	k, ok := kinds[p.Kind]
	if !ok {
		return nil, fmt.Errorf("plan: kind %q is not known to this version of the program", p.Kind)
	}
	for i, pt := range p.Points {
		if pt.Job < 0 || pt.Job >= len(p.Jobs) || len(pt.Axes) != len(k.axes) {
			return nil, fmt.Errorf("plan: point %d does not fit its jobs and axes", i)
		}
	}
	return &p, nil
}

// Plan turns a grid into jobs. Everything that can be wrong with a grid is found here: machines, schedules and files are
// opened.
func (g *Grid) Plan() (*Plan, error) {
	k := kinds[g.Kind]
	p := &Plan{Name: g.Name, Kind: g.Kind, Version: Version(), Front: g.Front, files: map[string]source{}}
	if p.Front == nil {
		p.Front = k.front
	}
	known := map[string]int{}
	err := k.expand(g, p, func(axes []string, j Job) error {
		if len(p.Points) == maxPoints {
			return fmt.Errorf("more than %d points", maxPoints)
		}
		j.Kind, j.Version = g.Kind, p.Version
		id := j.ID()
		at, ok := known[id]
		if !ok {
			at = len(p.Jobs)
			known[id] = at
			p.Jobs = append(p.Jobs, j)
		}
		p.Points = append(p.Points, Point{Axes: axes, Job: at})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("grid %s: %w", g.Name, err)
	}
	if len(p.Points) == 0 {
		return nil, fmt.Errorf("grid %s: an axis is empty, so that there are no points; a grid of kind %s has %v", g.Name, g.Kind, k.keys)
	}
	return p, nil
}

// add makes content part of the plan and returns its hash.
func (p *Plan) add(data []byte) string {
	h := hash(data)
	p.files[h] = source{data: data}
	return h
}

// addFile makes a file part of the plan and returns its hash.
func (p *Plan) addFile(path string) (string, error) {
	h, err := hashFile(path)
	if err != nil {
		return "", err
	}
	p.files[h] = source{path: path}
	return h, nil
}

// open gives the content that a hash names.
func (s source) open() (io.ReadCloser, error) {
	if s.path == "" {
		return io.NopCloser(bytes.NewReader(s.data)), nil
	}
	return os.Open(s.path)
}

// hashFile hashes a file's content.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if info.IsDir() {
		return "", fmt.Errorf("%s: %w", path, errors.New("is a folder"))
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Measured is the part of a plan that has results.
func (p *Plan) Measured(results []*Result) *Plan {
	out := *p
	out.Points = nil
	for _, pt := range p.Points {
		if results[pt.Job] != nil {
			out.Points = append(out.Points, pt)
		}
	}
	return &out
}
