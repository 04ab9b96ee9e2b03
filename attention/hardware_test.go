package attention

import (
	"math"
	"slices"
	"strings"
	"testing"

	"spatten/attention/fixed"
	"spatten/tensor"
)

// TestHardwareIsTheSpecification compares a query's output with the slow implementation of docs/fixed-point.md, bit by bit.
func TestHardwareIsTheSpecification(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	s, err := NewSequence(small, &Schedule{}, Options{Numerics: Hardware})
	if err != nil {
		t.Fatal(err)
	}
	const n = 40
	all := pass(t, s, cpu, n, 1)
	d := small.HeadDim
	for layer := range small.Layers {
		for _, position := range []int{0, 7, n - 1} {
			for h := range small.Heads {
				g := small.group(h)
				q := make([]int16, d)
				qScale := encode(q, numbers(1, 0, layer, position, small.Heads*d)[h*d:(h+1)*d], fixed.CodeBits)
				var keys, values []int16
				var factors, scales []float32
				for at := range position + 1 {
					k, v := make([]int16, d), make([]int16, d)
					kScale := encode(k, numbers(1, 1, layer, at, small.KVHeads*d)[g*d:(g+1)*d], fixed.CodeBits)
					vScale := encode(v, numbers(1, 2, layer, at, small.KVHeads*d)[g*d:(g+1)*d], fixed.CodeBits)
					keys, values = append(keys, k...), append(values, v...)
					factors, scales = append(factors, fixed.Factor(qScale, kScale, d)), append(scales, vScale)
				}
				var reference fixed.Reference
				probs, _ := reference.Probabilities(q, keys, factors)
				want := make([]float32, d)
				reference.Output(probs, values, scales, nil, want)
				if got := all[[2]int{layer, position}][h*d : (h+1)*d]; !slices.Equal(got, want) {
					t.Fatalf("layer %d, position %d, head %d: %v, the specification gives %v", layer, position, h, got, want)
				}
			}
		}
	}
}

// TestHardwareNearFloat: twelve bits lose little, with every schedule that the hardware runs.
func TestHardwareNearFloat(t *testing.T) {
	cpu := tensor.NewCPU(2, tensor.F32)
	defer cpu.Close()
	ran := 0
	for name, sched := range schedules() {
		hard, err := NewSequence(small, sched, Options{Numerics: Hardware})
		if err != nil {
			if !strings.Contains(err.Error(), "float numerics") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if sched.prunesTokens() || len(sched.Values) > 0 || len(sched.Heads) > 0 || sched.Key.LSB.max() > 0 {
			pass(t, hard, cpu, 50, 2) // choices may differ; it must run
			pass(t, hard, cpu, 1, 2)
			continue
		}
		ran++
		soft, _ := NewSequence(small, sched, Options{})
		for _, n := range []int{50, 1} {
			a, b := pass(t, hard, cpu, n, 2), pass(t, soft, cpu, n, 2)
			for key := range a {
				for i := range a[key] {
					if math.Abs(float64(a[key][i]-b[key][i])) > 0.02 {
						t.Fatalf("%s: %v [%d] is %g, in float %g", name, key, i, a[key][i], b[key][i])
					}
				}
			}
		}
	}
	if ran == 0 {
		t.Error("nothing was compared")
	}
}

func TestHardwareRefusesWhatItLacks(t *testing.T) {
	for _, sched := range []*Schedule{{Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Ask: AskKey, Share: Shares{0.2}}}, {Values: Shares{0.5}, Choose: ByGroup}} {
		if _, err := NewSequence(small, sched, Options{Numerics: Hardware}); err == nil {
			t.Errorf("%s runs on the hardware", sched.YAML())
		}
	}
	if _, err := NewSequence(small, nil, Options{Numerics: "quantum"}); err == nil {
		t.Error("unknown numerics are accepted")
	}
}
