package generate_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"spatten/attention"
	"spatten/attention/record"
	"spatten/generate"
	"spatten/internal/tiny"
	"spatten/model"
	"spatten/tensor"
	"spatten/tokenizer"
)

func generator(t testing.TB) *generate.Generator {
	t.Helper()
	c := tiny.Open(t, "tiny-llama", tiny.WithTokenizer(files()))
	m, err := model.Load(c)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.FromCheckpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	cpu := tensor.NewCPU(0, tensor.F32)
	t.Cleanup(cpu.Close)
	return &generate.Generator{Model: m, Tokenizer: tok, CPU: cpu}
}

func encode(g *generate.Generator, text string) []int32 {
	return tokenizer.IDs(g.Tokenizer.Encode(text, tokenizer.Options{}))
}

func schedule(t testing.TB, text string) *attention.Schedule {
	t.Helper()
	s, err := attention.ParseSchedule(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const prompt = "The quick brown fox jumps over the lazy dog, and"

// greedy continues by calling the model alone: the best token again and again.
func greedy(t testing.TB, g *generate.Generator, s *attention.Schedule, prompt []int32, n int) []int32 {
	t.Helper()
	seq, err := attention.NewSequence(g.Model.Info().Shape(), s, attention.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer seq.Close()
	var b model.Batch
	var ids []int32
	logits := make([]float32, g.Model.Info().Vocab)
	for next := prompt; len(ids) < n; next = ids[len(ids)-1:] {
		if err := g.Model.Forward(g.CPU, &b, []model.Chunk{{Seq: seq, Tokens: next, Last: true, Want: model.Logits, Out: logits}}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, generate.Greedy{}.Next(logits))
	}
	return ids
}

func TestRun(t *testing.T) {
	g := generator(t)
	ids := encode(g, prompt)
	for name, s := range map[string]*attention.Schedule{
		"dense": nil, "pruned": schedule(t, "tokens: [1, 0.5, 0.3]"), "chunked": schedule(t, "{tokens: [1, 0.5, 0.3], chunk: 48}"),
	} {
		t.Run(name, func(t *testing.T) {
			want := greedy(t, g, s, ids, 20)
			var tokens []generate.Token
			r, err := g.Run(context.Background(), ids, generate.Options{Schedule: s, MaxTokens: 20, IgnoreEnd: true, Chunk: 7, LogProbs: true}, func(t generate.Token) error {
				tokens = append(tokens, t)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.IDs, want) {
				t.Errorf("tokens %v, want %v", r.IDs, want)
			}
			text := ""
			for i, tok := range tokens {
				text += tok.Text
				if tok.ID != want[i] || tok.Position != len(ids)+i || !(tok.LogProb < 0) || tok.LogProb < -math.Log(tiny.Vocab) {
					t.Errorf("token %d is %+v", i, tok)
				}
			}
			if text != r.Text || r.Text != g.Tokenizer.Decode(want, true) {
				t.Errorf("text %q, streamed %q, want %q", r.Text, text, g.Tokenizer.Decode(want, true))
			}
			if r.Finish != generate.Length || r.Steps != 19 || r.PromptTokens != len(ids) || r.CacheBytes == 0 {
				t.Errorf("result %+v", r)
			}
			if (s != nil) != (r.Cost.Spatten.KVBytes < r.Cost.DenseFP32.KVBytes) {
				t.Errorf("cost %+v", r.Cost)
			}
		})
	}
}

func TestStop(t *testing.T) {
	g := generator(t)
	ids := encode(g, prompt)
	whole, err := g.Run(context.Background(), ids, generate.Options{MaxTokens: 30, IgnoreEnd: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := whole.Text[10:13]
	want := whole.Text[:strings.Index(whole.Text, stop)]
	text := ""
	r, err := g.Run(context.Background(), ids, generate.Options{MaxTokens: 30, IgnoreEnd: true, Stop: []string{"\x00never", stop}}, func(t generate.Token) error {
		text += t.Text
		return nil
	})
	if err != nil || r.Finish != generate.Stopped || r.Text != want || text != want {
		t.Errorf("%q (streamed %q, %v, error %v), want %q", r.Text, text, r.Finish, err, want)
	}
	held, err := g.Run(context.Background(), ids, generate.Options{MaxTokens: 30, IgnoreEnd: true, Stop: []string{whole.Text[29:] + "never"}}, nil)
	if err != nil || held.Text != whole.Text {
		t.Errorf("what might have become a stop string is lost: %q, want %q (error %v)", held.Text, whole.Text, err)
	}
}

// script is a sampler that says what it is told.
type script []int32

func (s *script) Next([]float32) int32 {
	id := (*s)[0]
	*s = (*s)[1:]
	return id
}

func TestEnd(t *testing.T) {
	g := generator(t)
	hi := encode(g, "Hi")
	r, err := g.Run(context.Background(), hi, generate.Options{Sampler: &script{hi[0], hi[1], tiny.End}}, nil)
	if err != nil || r.Text != "Hi" || r.Finish != generate.Stopped || !slices.Equal(r.IDs, hi) {
		t.Errorf("%+v, error %v", r, err)
	}
}

func TestContextFull(t *testing.T) {
	g := generator(t)
	most := g.Model.Info().MaxPositions
	long := make([]int32, most)
	r, err := g.Run(context.Background(), long[:most-3], generate.Options{IgnoreEnd: true}, nil)
	if err != nil || r.Finish != generate.Length || len(r.IDs) != 4 {
		t.Errorf("%d tokens, finish %v, error %v; 4 fit", len(r.IDs), r.Finish, err)
	}
	if _, err := g.Run(context.Background(), append(long, 0), generate.Options{}, nil); !errors.Is(err, model.ErrContext) {
		t.Errorf("a prompt that is too long: error %v", err)
	}
	if _, err := g.Run(context.Background(), nil, generate.Options{}, nil); !errors.Is(err, generate.ErrPrompt) {
		t.Errorf("an empty prompt: error %v", err)
	}
}

func TestCancel(t *testing.T) {
	g := generator(t)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	r, err := g.Run(ctx, encode(g, prompt), generate.Options{MaxTokens: 30, IgnoreEnd: true}, func(generate.Token) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || r == nil || len(r.IDs) != 5 || r.Finish != generate.Cancelled {
		t.Errorf("%+v, error %v", r, err)
	}
	enough := errors.New("enough")
	if r, err := g.Run(context.Background(), encode(g, prompt), generate.Options{}, func(generate.Token) error { return enough }); err != enough || len(r.IDs) != 1 {
		t.Errorf("%+v, error %v", r, err)
	}
}

func files() fstest.MapFS {
	config, arrays := tiny.Llama(nil)
	return tiny.Files(config, arrays, 7)
}

// broken is a recorder whose disk fills up in the given pass.
type broken struct {
	record.Recorder
	pass int
	err  error
}

func (b *broken) Wants() record.Wants { return record.Wants{} }
func (b *broken) Begin(*record.Run)   {}
func (b *broken) Layer(*record.Layer) {}
func (b *broken) FC(*record.FC)       {}
func (b *broken) Head(*record.Head)   {}
func (b *broken) Group(*record.Group) {}
func (b *broken) End()                {}
func (b *broken) Err() error          { return b.err }
func (b *broken) Pass(p *record.Pass) {
	if p.Index == b.pass {
		b.err = fs.ErrClosed
	}
}

func TestFailingTraceStopsTheRun(t *testing.T) {
	g := generator(t)
	r, err := g.Run(t.Context(), encode(g, prompt), generate.Options{MaxTokens: 20, IgnoreEnd: true, Recorder: &broken{pass: 3}}, nil)
	if !errors.Is(err, fs.ErrClosed) || r == nil || r.Finish != generate.Cancelled || len(r.IDs) != 3 {
		t.Errorf("result %+v, error %v", r, err)
	}
}
