package attention

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"spatten/attention/record"
	"spatten/tensor"
)

// stateful are schedules that keep state of every kind.
func stateful() map[string]*Schedule {
	all := schedules()
	all["wide codes"] = &Schedule{Key: KeyBits{MSB: Widths{8}, LSB: Widths{4}, Threshold: Thresholds{0.2}}, Value: ValueBits{Bits: Widths{12}}}
	return all
}

// reading returns a sequence that has read a prompt in two chunks.
func reading(t testing.TB, cpu *tensor.CPU, sched *Schedule, o Options) *Sequence {
	t.Helper()
	s, err := NewSequence(small, sched, o)
	if err != nil {
		t.Fatal(err)
	}
	pass(t, s, cpu, 70, 3)
	pass(t, s, cpu, 30, 3)
	return s
}

func saved(t testing.TB, s *Sequence) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := s.Save(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestSavedGoesOnAsTheOriginal(t *testing.T) {
	for _, precision := range []tensor.Precision{tensor.F32, tensor.Int8} {
		cpu := tensor.NewCPU(2, precision)
		defer cpu.Close()
		for name, sched := range stateful() {
			for _, bits := range []int{32, 16, 8} {
				o := Options{CacheBits: bits}
				a := reading(t, cpu, sched, o)
				file := saved(t, a)
				b, err := Load(bytes.NewReader(file), small, sched, o, 100)
				if err != nil {
					t.Fatalf("%s, %d bits: %v", name, bits, err)
				}
				if !bytes.Equal(file, saved(t, b)) {
					t.Errorf("%s, %d bits: saved again it is another file", name, bits)
				}
				for _, n := range []int{5, 1, 1} { // more of the prompt, then generated tokens
					if !equalRows(pass(t, a, cpu, n, 3), pass(t, b, cpu, n, 3)) {
						t.Fatalf("%s, %d bits, %v: the loaded sequence goes on differently", name, bits, precision)
					}
				}
				if a.Cost() != b.Cost() || a.Length() != b.Length() || !slices.Equal(a.Live(3), b.Live(3)) || !slices.Equal(a.LiveHeads(3), b.LiveHeads(3)) {
					t.Errorf("%s, %d bits: costs or what lives differ", name, bits)
				}
			}
		}
	}
}

func TestSaveErrors(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	s, _ := NewSequence(small, nil, Options{})
	if err := s.Save(&bytes.Buffer{}); !errors.Is(err, ErrSave) {
		t.Errorf("nothing read: %v", err)
	}
	pass(t, s, cpu, 10, 3)
	if err := s.Save(failing{}); err == nil || errors.Is(err, ErrSave) {
		t.Errorf("a full disk: %v", err)
	}
	pass(t, s, cpu, 1, 3)
	if err := s.Save(&bytes.Buffer{}); !errors.Is(err, ErrSave) {
		t.Errorf("after a generated token: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestLoadDistrusts(t *testing.T) {
	cpu := tensor.NewCPU(1, tensor.F32)
	defer cpu.Close()
	sched := &Schedule{Tokens: Shares{1, 0.8, 0.6, 0.5}, Heads: Shares{1, 0.8, 0.6, 0.5}, Importance: Policy{Policy: "window", Window: 8},
		Key: KeyBits{MSB: Widths{4}, LSB: Widths{4}, Scale: ByChannel, Threshold: Thresholds{0.2}}}
	file := saved(t, reading(t, cpu, sched, Options{}))
	load := func(data []byte) (*Sequence, error) {
		return Load(bytes.NewReader(data), small, sched, Options{}, 100)
	}
	for n := range len(file) {
		if n > 3000 && n%101 > 0 {
			continue // inside long lists
		}
		if _, err := load(file[:n]); err == nil || !strings.Contains(err.Error(), "ends early") {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(file), err)
		}
	}
	accepted := 0
	for i := range file {
		if i > 3000 && i%53 > 0 {
			continue
		}
		bad := bytes.Clone(file)
		bad[i] ^= 1 << (i % 8)
		if s, err := load(bad); err == nil { // a number that is as good as another
			if accepted++; accepted%20 == 0 {
				pass(t, s, cpu, 1, 3)
			}
		}
	}
	if accepted == 0 {
		t.Error("no flipped bit of a key was accepted; the test tests nothing")
	}
	if _, err := Load(bytes.NewReader(file), small, sched, Options{}, 99); err == nil {
		t.Error("more tokens than the model has positions")
	}
	if _, err := Load(bytes.NewReader(file), small, nil, Options{}, 100); err == nil {
		t.Error("a pruned state is taken for a dense one")
	}
	if _, err := Load(bytes.NewReader(file), small, sched, Options{Recorder: &broken{}}, 100); err == nil {
		t.Error("a trace begins in the middle")
	}
}

// broken is a recorder.
type broken struct{ record.Recorder }

// FuzzLoad lets whatever loads generate a token.
func FuzzLoad(f *testing.F) {
	cpu := tensor.NewCPU(1, tensor.Int8)
	defer cpu.Close()
	all := stateful()
	names := slices.Sorted(maps.Keys(all))
	for i, name := range names {
		f.Add(saved(f, reading(f, cpu, all[name], Options{})), i)
	}
	f.Fuzz(func(t *testing.T, data []byte, which int) {
		sched := all[names[uint(which)%uint(len(names))]]
		s, err := Load(bytes.NewReader(data), small, sched, Options{}, 200)
		if err != nil {
			return
		}
		pass(t, s, cpu, 3, 3)
		pass(t, s, cpu, 1, 3)
	})
}
