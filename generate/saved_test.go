package generate_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"testing"

	"spatten/attention"
	"spatten/attention/stored"
	"spatten/generate"
	"spatten/tensor"
)

// cached runs with a prompt cache and returns what was generated and what was saved.
func cached(t testing.TB, g *generate.Generator, prompt []int32, o generate.Options, load []byte) (*generate.Result, []byte, error) {
	t.Helper()
	var file bytes.Buffer
	o.Cache = &generate.PromptCache{Model: [32]byte{1, 2, 3}, Save: &file}
	if load != nil {
		o.Cache.Load = bytes.NewReader(load)
	}
	r, err := g.Run(t.Context(), prompt, o, nil)
	return r, file.Bytes(), err
}

// long returns a prompt of n tokens.
func long(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(5 + i*i%83)
	}
	return ids
}

func TestSavedPromptGoesOnTheSame(t *testing.T) {
	g := generator(t)
	schedules := map[string]*attention.Schedule{
		"dense":        nil,
		"chunks":       schedule(t, "chunk: 16\ntokens: [1, 0.8, 0.6]\nvalues: 0.5\nkey: {msb: 6}\n"),
		"whole":        schedule(t, "tokens: [1, 0.8, 0.6]\n"),
		"prompt dense": schedule(t, "prompt: dense\nvalues: 0.3\nkey: {msb: 4, scale: channel, center: true}\n"),
	}
	for name, s := range schedules {
		for _, beams := range []int{1, 3} {
			o := generate.Options{Schedule: s, Chunk: 16, MaxTokens: 12, IgnoreEnd: true, Beams: beams}
			for _, n := range []int{5, 16, 17, 40, 60} {
				prompt := long(n)
				want, err := g.Run(t.Context(), prompt, o, nil)
				if err != nil {
					t.Fatal(err)
				}
				first, file, err := cached(t, g, prompt, o, nil)
				if err != nil || !slices.Equal(first.IDs, want.IDs) {
					t.Fatalf("%s, %d tokens: saving changes the text: %v", name, n, err)
				}
				again, second, err := cached(t, g, prompt, o, file)
				if err != nil || !slices.Equal(again.IDs, want.IDs) || again.Cost != first.Cost || !slices.Equal(again.Live, want.Live) {
					t.Fatalf("%s, %d tokens: %v, loaded %v, %v", name, n, want.IDs, again, err)
				}
				if !bytes.Equal(file, second) {
					t.Errorf("%s, %d tokens: what a run that loads saves is another file", name, n)
				}
			}
		}
		// A longer prompt that begins the same.
		_, file, err := cached(t, g, long(40), generate.Options{Schedule: s, Chunk: 16, MaxTokens: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := generate.Options{Schedule: s, Chunk: 16, MaxTokens: 12, IgnoreEnd: true}
		other := append(long(40), 7, 8, 9)
		r, _, err := cached(t, g, other, o, file)
		if name == "whole" {
			if !errors.Is(err, generate.ErrOtherCache) {
				t.Errorf("a prompt that is pruned as a whole goes on from another: %v", err)
			}
			continue
		}
		want, _ := g.Run(t.Context(), other, o, nil)
		if err != nil || !slices.Equal(r.IDs, want.IDs) {
			t.Errorf("%s: a longer prompt gives %v, loaded %v, %v", name, want.IDs, r, err)
		}
	}
}

func TestSavedPromptIsForOneThing(t *testing.T) {
	g := generator(t)
	o := generate.Options{Chunk: 16, MaxTokens: 3}
	_, file, err := cached(t, g, long(40), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	load := func(prompt []int32, o generate.Options, model byte) error {
		o.Cache = &generate.PromptCache{Model: [32]byte{model, 2, 3}, Load: bytes.NewReader(file)}
		_, err := g.Run(t.Context(), prompt, o, nil)
		return err
	}
	int8cpu := tensor.NewCPU(1, tensor.Int8)
	defer int8cpu.Close()
	changed := o
	changed.Schedule = schedule(t, "values: 0.5\n")
	narrow := o
	narrow.CacheBits = 8
	different := long(40)
	different[3]++
	for want, err := range map[string]error{
		"another model":           load(long(40), o, 9),
		"another schedule":        load(long(40), changed, 1),
		"another cache bits":      load(long(40), narrow, 1),
		"does not begin with":     load(different, o, 1),
		"does not begin with the": load(long(20), o, 1),
		"a longer prompt":         load(long(24), o, 1),
		"one token more":          load(long(25), o, 1),
	} {
		if !errors.Is(err, generate.ErrOtherCache) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	g.CPU = int8cpu
	if err := load(long(40), o, 1); !errors.Is(err, generate.ErrOtherCache) || !strings.Contains(err.Error(), "precision") {
		t.Errorf("another precision: %v", err)
	}
}

func TestSavedPromptIsDistrusted(t *testing.T) {
	g := generator(t)
	o := generate.Options{Chunk: 16, MaxTokens: 3, CacheBits: 8}
	_, file, err := cached(t, g, long(20), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	load := func(data []byte) error {
		_, _, err := cached(t, g, long(20), o, data)
		return err
	}
	if err := load(file); err != nil {
		t.Fatal(err)
	}
	for n := range len(file) {
		if err := load(file[:n]); n > 0 && err == nil {
			t.Errorf("cut to %d of %d bytes", n, len(file))
		}
		bad := bytes.Clone(file)
		bad[n] ^= 1 << (n % 8)
		if err := load(bad); err == nil {
			t.Errorf("bit %d of byte %d flipped: taken for good", n%8, n)
		}
	}
	if err := load(append(bytes.Clone(file), 0)); !errors.Is(err, stored.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	if err := load([]byte("GGUF, as it were")); !errors.Is(err, generate.ErrNoCache) {
		t.Errorf("another format: %v", err)
	}
	later := bytes.Clone(file)
	later[len("SPATTENCACHE")]++
	if err := load(later); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a later version: %v", err)
	}
}

func TestFullDiskWhileSaving(t *testing.T) {
	g := generator(t)
	for room := 0; room < 600; room += 100 {
		o := generate.Options{MaxTokens: 3, Cache: &generate.PromptCache{Save: &small{room}}}
		if _, err := g.Run(t.Context(), long(20), o, nil); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
}

// small is a disk with room for so many bytes.
type small struct{ room int }

func (s *small) Write(b []byte) (int, error) {
	if s.room -= len(b); s.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// FuzzSavedPrompt gives every input a right checksum, so that damage gets behind it.
func FuzzSavedPrompt(f *testing.F) {
	g := generator(f)
	o := generate.Options{Chunk: 16, MaxTokens: 2, CacheBits: 8}
	for _, n := range []int{5, 20} {
		_, file, err := cached(f, g, long(n), o, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file[:len(file)-4])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		cached(t, g, long(20), o, binary.LittleEndian.AppendUint32(bytes.Clone(data), sum))
	})
}
