package live

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"

	"spatten/accel/config"
	"spatten/attention"
	"spatten/attention/record"
	"spatten/eval"
	"spatten/tensor"
	"spatten/tokenizer"
	"spatten/trace"
)

// Measures of quality.
const (
	accuracy   = "accuracy"
	spearman   = "Spearman"
	cosines    = "cosine to dense"
	perplexity = "perplexity"
)

// sentiment looks at the embedded classifier, which was fine-tuned with pruning in the loop.
func (l *Live) sentiment(ctx context.Context, from Sources) error {
	s, err := open("sentiment")
	if err != nil {
		return err
	}
	defer s.close()
	schedule, err := s.own()
	if err != nil {
		return err
	}
	hardware(schedule)
	all, err := embedded()
	data := "sentences of this report"
	if path := find(from.Data, "sst2", "dev.tsv"); err == nil && path != "" {
		all, err = examples(path)
		data = "SST-2 dev"
	} else {
		l.Missing = append(l.Missing, "SST-2: its place is taken by 24 sentences written for this report")
	}
	if err != nil {
		return err
	}
	few, many := spread(all, 16), spread(all, 160)
	if from.Short {
		few, many = spread(all, 4), spread(all, 24)
	}
	r, err := s.encoder(ctx, texts(few), schedule)
	if err != nil {
		return err
	}
	run := r.run("sentiment", data, schedule)
	run.Tuned, run.Measure, run.Examples = true, accuracy, len(many)
	right := s.accuracy(ctx, many)
	if run.Quality, err = right(schedule); err != nil {
		return err
	}
	if run.Dense, err = right(nil); err != nil {
		return err
	}
	l.Runs = append(l.Runs, run)
	if l.Errors, err = s.narrow(texts(spread(all, 4))); err != nil {
		return err
	}
	for _, of := range []string{"tokens", "heads"} {
		shares := keptTokens
		if of == "heads" {
			shares = keptHeads
		}
		c, err := curve(Curve{Model: "sentiment", Data: data, Of: of, Measure: accuracy, Examples: len(many)}, shares, right)
		if err != nil {
			return err
		}
		l.Curves = append(l.Curves, c)
	}
	own, err := embedded()
	if err != nil {
		return err
	}
	for _, i := range []int{0, 3, 16} {
		p, err := s.picture(own[i].Text, schedule)
		if err != nil {
			return err
		}
		l.Pictures = append(l.Pictures, p)
	}
	return nil
}

// minilm looks at an encoder of sentences, which was not fine-tuned for pruning.
func (l *Live) minilm(ctx context.Context, from Sources) error {
	path := find(from.Models, "minilm-l6-v2-f16")
	if path == "" || from.Data == "" {
		l.Missing = append(l.Missing, "MiniLM-L6-v2 and its data sets")
		return nil
	}
	s, err := open(path)
	if err != nil {
		return err
	}
	defer s.close()
	schedule := &attention.Schedule{Name: "four fifths of the tokens", Average: &attention.Average{Tokens: 0.8, Heads: 0.95}}
	hardware(schedule)
	n, pairs := 8, 80
	if from.Short {
		n, pairs = 2, 12
	}
	for _, set := range []struct {
		name string
		path []string
	}{{"STS-B dev", []string{"stsb", "sts-dev.csv"}}, {"CoLA dev", []string{"cola", "in_domain_dev.tsv"}}, {"MRPC test", []string{"mrpc", "msr_paraphrase_test.txt"}}, {"RTE dev", []string{"rte", "dev.tsv"}}, {"SQuAD (XQuAD)", []string{"squad", "xquad.en.json"}}} {
		path := find(from.Data, set.path...)
		if path == "" {
			l.Missing = append(l.Missing, set.name)
			continue
		}
		var all []text
		var scored []eval.Example
		if set.name == "SQuAD (XQuAD)" {
			all, err = squad(path)
		} else {
			scored, err = examples(path)
			all = texts(scored)
		}
		if err != nil {
			return err
		}
		few := spread(all, n)
		r, err := s.encoder(ctx, few, schedule)
		if err != nil {
			return err
		}
		run := r.run("MiniLM-L6-v2", set.name, schedule)
		if set.name == "STS-B dev" {
			scored = spread(scored, pairs)
			run.Measure, run.Examples = spearman, len(scored)
			follows := s.similarity(ctx, scored)
			if run.Quality, err = follows(schedule); err != nil {
				return err
			}
			c, err := curve(Curve{Model: "MiniLM-L6-v2", Data: set.name, Of: "tokens", Measure: spearman, Examples: len(scored)}, keptTokens, follows)
			if err != nil {
				return err
			}
			run.Dense = c.Points[0].Quality
			l.Curves = append(l.Curves, c)
		} else {
			run.Measure, run.Examples, run.Dense = cosines, len(few), 1
			if run.Quality, err = s.closeness(few, schedule); err != nil {
				return err
			}
		}
		l.Runs = append(l.Runs, run)
	}
	return nil
}

// hardware gives a schedule the machine's own width, 12 bits.
func hardware(s *attention.Schedule) {
	s.Key.MSB, s.Value.Bits, s.Query.Bits = attention.Widths{12}, attention.Widths{12}, attention.Widths{12}
}

// closeness is the mean cosine of pruned to dense embeddings.
func (s *subject) closeness(texts []text, schedule *attention.Schedule) (float64, error) {
	sum := 0.0
	for _, t := range texts {
		ids, types, _ := s.encode(t.text, t.pair)
		a, err := s.pass(ids, types, schedule, nil)
		if err != nil {
			return 0, err
		}
		b, err := s.pass(ids, types, nil, nil)
		if err != nil {
			return 0, err
		}
		sum += cosine(a, b)
	}
	return sum / float64(len(texts)), nil
}

// smollm2 looks at a language model with grouped queries, which was not fine-tuned for pruning.
func (l *Live) smollm2(ctx context.Context, from Sources) error {
	path := find(from.Models, "smollm2-135m-instruct")
	if path == "" || from.Data == "" || from.Short {
		l.Missing = append(l.Missing, "SmolLM2-135M and its data sets")
		return nil
	}
	s, err := open(path)
	if err != nil {
		return err
	}
	defer s.close()
	s.CPU.Close()
	s.CPU = tensor.NewCPU(0, tensor.Int8) // twice as fast; its quality is compared with its own dense run
	for _, set := range []struct {
		name string
		path []string
	}{{"WikiText-2 test", []string{"wikitext2", "wiki.test.raw"}}, {"PTB test", []string{"ptb", "ptb.test.txt"}}} {
		path := find(from.Data, set.path...)
		if path == "" {
			l.Missing = append(l.Missing, set.name)
			continue
		}
		if err := l.generated(ctx, s, set.name, path); err != nil {
			return fmt.Errorf("SmolLM2 on %s: %w", set.name, err)
		}
	}
	path = find(from.Data, "ptb", "ptb.test.txt")
	if path == "" {
		return nil
	}
	curves, err := s.likelihood(ctx, path)
	l.Curves = append(l.Curves, curves...)
	return err
}

// generated replays the tokens after a prompt from the middle of a text, under the paper's setting and under one that a search
// found for this model.
func (l *Live) generated(ctx context.Context, s *subject, data, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m, err := config.Load("spatten", nil)
	if err != nil {
		return err
	}
	ids := tokenizer.IDs(s.Tokenizer.Encode(string(b), tokenizer.Options{}))
	if len(ids) < 2*(promptTokens+scoredTokens+1) {
		return fmt.Errorf("only %d tokens", len(ids))
	}
	ids = ids[len(ids)/2:]
	dense, err := s.generation(ctx, ids, nil, nil)
	if err != nil {
		return err
	}
	for _, name := range []string{"paper-default", "smollm2-1pct"} {
		schedule, err := attention.LoadSchedule(name)
		if err != nil {
			return err
		}
		var encoded bytes.Buffer
		w, err := trace.NewWriter(&encoded, record.Wants{})
		if err != nil {
			return err
		}
		o := &observer{to: w, from: (generatedTokens - replayedTokens) / 2, end: (generatedTokens + replayedTokens) / 2}
		loss, err := s.generation(ctx, ids, schedule, o)
		if err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		r := &replays{tally: o.tally, steps: replayedTokens}
		if err := r.replay(ctx, encoded.Bytes(), m); err != nil {
			return err
		}
		run := r.run("SmolLM2-135M", data, schedule)
		run.Measure, run.Examples = perplexity, scoredTokens
		run.Quality, run.Dense = math.Exp(loss), math.Exp(dense)
		l.Runs = append(l.Runs, run)
		if name == "paper-default" {
			l.Asking = under(l.Asking, o.maxima, data)
		}
	}
	return nil
}
