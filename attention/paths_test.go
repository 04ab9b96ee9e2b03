package attention

import (
	"math"
	"slices"
	"strings"
	"testing"

	"spatten/attention/record"
	"spatten/tensor"
)

// TestPathsAgree: a generated token's path, which reads planes where they lie, gives what the path of the prompt gives
// for the same query, and reads and counts the same, for every schedule and form of cache.
func TestPathsAgree(t *testing.T) {
	for _, precision := range []tensor.Precision{tensor.F32, tensor.Int8} {
		cpu := tensor.NewCPU(2, precision)
		defer cpu.Close()
		for name, sched := range schedules() {
			if strings.HasPrefix(name, "policy ") || sched.Choose == ByGroup || sched.Prompt == PromptDense {
				continue // policies change nothing here, groups choose for generated tokens alone, and a fork would refit again
			}
			for _, bits := range []int{32, 16, 8} {
				fast, err := NewSequence(small, sched, Options{CacheBits: bits})
				if err != nil {
					t.Fatal(err)
				}
				pass(t, fast, cpu, 530, 7)
				slow := fast.Fork()
				slow.work.onlyTiles = true
				want, got := pass(t, slow, cpu, 1, 7), pass(t, fast, cpu, 1, 7)
				for key := range want {
					for i, v := range got[key] {
						// 8-bit queries are quantized anew for each block of keys where scales are by channel.
						tolerance := 2e-5
						if precision == tensor.Int8 && sched.Key.Scale == ByChannel {
							tolerance = 0.1
						}
						if math.Abs(float64(v-want[key][i])) > tolerance {
							t.Fatalf("%s, %v, %d bits, layer %d: [%d] is %g, by tiles %g", name, precision, bits, key[0], i, v, want[key][i])
						}
					}
				}
				if a, b := fast.Cost(), slow.Cost(); a != b && !(precision == tensor.Int8 && sched.Key.Scale == ByChannel) {
					t.Errorf("%s, %v, %d bits: counted %+v, by tiles %+v", name, precision, bits, a, b)
				}
			}
		}
	}
}

// TestChunksOfCaches: with the schedule off a row's numbers do not depend on the grid of chunks, in any form of
// cache and at either precision (invariant 9).
func TestChunksOfCaches(t *testing.T) {
	for _, precision := range []tensor.Precision{tensor.F32, tensor.Int8} {
		cpu := tensor.NewCPU(2, precision)
		defer cpu.Close()
		for _, bits := range []int{32, 16, 8} {
			run := func(chunks ...int) map[[2]int][]float32 {
				s, err := NewSequence(small, nil, Options{CacheBits: bits})
				if err != nil {
					t.Fatal(err)
				}
				all := map[[2]int][]float32{}
				for _, n := range chunks {
					for key, row := range pass(t, s, cpu, n, 11) {
						all[key] = row
					}
				}
				return all
			}
			want, got := run(600), run(1, 1, 20, 500, 1, 76, 1)
			for key := range want {
				if !slices.Equal(want[key], got[key]) {
					t.Fatalf("%v, %d bits: layer %d, position %d depends on the chunks", precision, bits, key[0], key[1])
				}
			}
		}
	}
}

// groupRecorder checks each Group record against the positions that the heads before it list.
type groupRecorder struct {
	t      *testing.T
	name   string
	stage  record.Stage
	keys   []int32
	values map[int]map[int32]bool
	lsbs   map[int]map[int32]bool
	all    map[int]record.Group
	groups int
	bytes  int64
}

func (r *groupRecorder) Begin(*record.Run)   {}
func (r *groupRecorder) Pass(p *record.Pass) { r.stage = p.Stage }
func (r *groupRecorder) FC(*record.FC)       {}
func (r *groupRecorder) Rank(*record.Rank)   {}
func (r *groupRecorder) End()                {}
func (r *groupRecorder) Wants() record.Wants { return record.Wants{} }
func (r *groupRecorder) Layer(l *record.Layer) {
	r.keys = slices.Clone(l.Keys)
	r.values, r.lsbs, r.all = map[int]map[int32]bool{}, map[int]map[int32]bool{}, map[int]record.Group{}
}

func (r *groupRecorder) Head(h *record.Head) {
	if r.stage != record.Generation {
		return
	}
	q := h.Queries[0]
	keys := r.keys
	if h.Keys != nil {
		keys = h.Keys
	}
	if int(q.Keys) != len(keys) {
		r.t.Errorf("%s: a query scored %d of %d live keys", r.name, q.Keys, len(keys))
	}
	add := func(sets map[int]map[int32]bool, listed []int32, n int32) {
		if sets[h.Group] == nil {
			sets[h.Group] = map[int32]bool{}
		}
		if n == q.Keys {
			listed = keys
		}
		for _, p := range listed {
			sets[h.Group][p] = true
		}
		if int(n) != len(listed) {
			r.t.Errorf("%s: %d positions listed, %d counted", r.name, len(listed), n)
		}
	}
	add(r.values, h.ValuePositions, q.Values)
	if q.LSBs == 0 || len(h.LSBPositions) > 0 || q.LSBs == q.Keys {
		add(r.lsbs, h.LSBPositions, q.LSBs)
	}
}

func (r *groupRecorder) Group(g *record.Group) {
	r.groups++
	r.bytes += g.Bytes
	if int(g.Values) != len(r.values[g.Group]) {
		r.t.Errorf("%s: group %d read %d values, its heads %d", r.name, g.Group, g.Values, len(r.values[g.Group]))
	}
	if n := len(r.lsbs[g.Group]); n > 0 && int(g.LSBs) != n {
		r.t.Errorf("%s: group %d read %d LSBs, its heads %d", r.name, g.Group, g.LSBs, n)
	}
}

// TestGroupsAreUnions: what a group read is the union of what its heads read, and kv_bytes is the sum of the groups.
func TestGroupsAreUnions(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	for name, sched := range schedules() {
		r := &groupRecorder{t: t, name: name}
		s, err := NewSequence(small, sched, Options{Recorder: r})
		if err != nil {
			t.Fatal(err)
		}
		pass(t, s, cpu, 200, 13)
		for range 3 {
			pass(t, s, cpu, 1, 13)
		}
		if r.groups == 0 || r.bytes != s.Cost().Spatten.KVBytes {
			t.Errorf("%s: %d groups read %d bytes, counted are %d", name, r.groups, r.bytes, s.Cost().Spatten.KVBytes)
		}
	}
}
