package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"spatten/attention"
	"spatten/checkpoint"
	"spatten/internal/tiny"
	"spatten/model"
	"spatten/tensor"
)

// family is a random model of one family with the dense reference's answer to a text.
type family struct {
	name      string
	open      func(t testing.TB) *checkpoint.Checkpoint
	want      model.Want
	reference func(t testing.TB, c *checkpoint.Checkpoint, ids []int32, live [][]int32) []float64
}

func made(name string, config tiny.Config, arrays []tiny.Array) func(t testing.TB) *checkpoint.Checkpoint {
	return func(t testing.TB) *checkpoint.Checkpoint {
		return tiny.Open(t, name, tiny.Files(config, arrays, 7))
	}
}

func rotation(f func(i int) float64) []float64 {
	out := make([]float64, tiny.HeadDim/2)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// plain is θ^(−2i/D) with θ = 10,000.
func plain(i int) float64 { return math.Pow(10000, -2*float64(i)/tiny.HeadDim) }

func families() []family {
	llama := func(name string, changes tiny.Config, frequency func(i int) float64) family {
		config, arrays := tiny.Llama(changes)
		return family{name, made(name, config, arrays), model.AllLogits, func(t testing.TB, c *checkpoint.Checkpoint, ids []int32, live [][]int32) []float64 {
			return slices.Concat(referenceLlama(t, c, rotation(frequency), ids, live)...)
		}}
	}
	gpt2 := func(prefix string) family {
		config, arrays := tiny.GPT2(prefix)
		return family{"gpt2 " + prefix, made("gpt2", config, arrays), model.AllLogits, func(t testing.TB, c *checkpoint.Checkpoint, ids []int32, live [][]int32) []float64 {
			return slices.Concat(referenceGPT2(t, c, prefix, ids, live)...)
		}}
	}
	classifier := func(prefix string) family {
		config, arrays := tiny.BERT(prefix, true)
		return family{"bert classifier " + prefix, made("bert", config, arrays), model.Logits, func(t testing.TB, c *checkpoint.Checkpoint, ids []int32, live [][]int32) []float64 {
			states, _ := referenceBERT(t, c, prefix, ids, nil, live)
			return referenceClasses(t, c, prefix, states)
		}}
	}
	config, arrays := tiny.BERT("", false)
	mean := family{"bert mean", made("bert", config, arrays), model.Embedding, func(t testing.TB, c *checkpoint.Checkpoint, ids []int32, live [][]int32) []float64 {
		states, _ := referenceBERT(t, c, "", ids, nil, live)
		sum := make([]float64, tiny.Dim)
		for _, row := range states {
			for i, v := range row {
				sum[i] += v / float64(len(states))
			}
		}
		return sum
	}}
	return []family{
		gpt2("transformer."), gpt2(""),
		llama("llama", nil, plain),
		llama("llama tied, biased", tiny.Config{"tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true}, plain),
		llama("llama linear", tiny.Config{"rope_scaling": tiny.Config{"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
			func(i int) float64 { return math.Pow(500, -2*float64(i)/tiny.HeadDim) / 4 }),
		classifier("bert."), classifier(""), mean,
	}
}

func randomIDs(n int, seed uint64) []int32 {
	r := rand.New(rand.NewPCG(seed, 2))
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = r.Int32N(tiny.Vocab)
	}
	return ids
}

func single(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func ready(t testing.TB, f family) (*checkpoint.Checkpoint, model.Model) {
	t.Helper()
	c := f.open(t)
	m, err := model.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

// TestDense holds every family, with nothing pruned, against its reference.
func TestDense(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			c, m := ready(t, f)
			cpu := newCPU(t)
			var b model.Batch
			for _, n := range []int{1, 2, 17, 64} {
				ids := randomIDs(n, uint64(n))
				got := forward(t, cpu, &b, m, newSequence(t, m, nil, attention.Options{}), ids, f.want)
				near(t, fmt.Sprintf("%d tokens", n), got, single(f.reference(t, c, ids, nil)), 2e-4)
			}
		})
	}
}

// TestChunks cuts prompts in every way and decodes the rest token by token: the numbers stay the same, bit by bit.
func TestChunks(t *testing.T) {
	const n = 23
	ids := randomIDs(n, 3)
	for _, f := range families() {
		_, m := ready(t, f)
		if !m.Info().Causal {
			continue
		}
		for _, p := range []tensor.Precision{tensor.F32, tensor.Int8} {
			t.Run(fmt.Sprintf("%s/%v", f.name, p), func(t *testing.T) {
				cpu := newCPUOf(t, p)
				var b model.Batch
				whole := forward(t, cpu, &b, m, newSequence(t, m, nil, attention.Options{}), ids, model.AllLogits)
				for _, chunk := range []int{1, 2, 7, 22} {
					seq := newSequence(t, m, nil, attention.Options{})
					var pieces []float32
					for part := range slices.Chunk(ids, chunk) {
						pieces = append(pieces, forward(t, cpu, &b, m, seq, part, model.AllLogits)...)
					}
					same(t, fmt.Sprintf("chunks of %d", chunk), pieces, whole)
				}
				last := forward(t, cpu, &b, m, newSequence(t, m, nil, attention.Options{}), ids, model.Logits)
				same(t, "logits of the last token alone", last, whole[(n-1)*tiny.Vocab:])
			})
		}
	}
}
