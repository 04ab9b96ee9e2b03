package generate

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"slices"

	"spatten/attention"
	"spatten/attention/stored"
)

// PromptCache keeps what has been read of a prompt between runs. A run that loads it gives the same tokens as one that reads
// the prompt from its start. The file's format is specified in docs/prompt-cache.md.
type PromptCache struct {
	Model [sha256.Size]byte // of the checkpoint
	Load  io.Reader         // what an earlier run saved; nil reads the prompt from its start
	Save  io.Writer         // nil saves nothing
	saved bool
}

// savedTail is how many tokens before the end of a prompt its state is taken where the grid of chunks is free: few, since they are
// read again by whoever goes on from it.
const savedTail = 16

const (
	savedMagic   = "SPATTENCACHE"
	savedVersion = 1
)

// Errors of a saved prompt.
var (
	ErrNoCache    = errors.New("not a saved prompt: its first bytes are wrong")
	ErrChecksum   = errors.New("its checksum is wrong; the file is damaged")
	ErrOtherCache = errors.New("it was saved for something else")
)

// binding is what must be the same for a saved state to be of use, with the name that errors give it.
type binding struct {
	name  string
	value []byte
}

// bindings of a run to its saved state.
func (g *Generator) bindings(o *Options) []binding {
	info, schedule := g.Model.Info(), make([]byte, sha256.Size)
	if o.Schedule != nil {
		schedule, _ = hex.DecodeString(o.Schedule.Hash())
	}
	shape := info.Shape()
	numbers := []byte{byte(g.CPU.Precision()), byte(o.cacheBits()), 0}
	if o.Numerics == attention.Hardware {
		numbers[2] = 1
	}
	dims := binary.LittleEndian.AppendUint32(nil, uint32(shape.Layers))
	for _, n := range []int{shape.Heads, shape.KVHeads, shape.HeadDim, info.Vocab} {
		dims = binary.LittleEndian.AppendUint32(dims, uint32(n))
	}
	return []binding{
		{"model", o.Cache.Model[:]}, {"shape of the model", dims}, {"schedule", schedule},
		{"precision", numbers[:1]}, {"cache bits", numbers[1:2]}, {"numerics", numbers[2:]},
	}
}

func (o *Options) cacheBits() int {
	if o.CacheBits == 0 {
		return 32
	}
	return o.CacheBits
}

// save writes the state where the options ask for it and the stream has come to the place to take it: the last boundary
// between chunks, since a longer prompt that begins the same passes it too, or where there is none the prompt's end.
func (g *Generator) save(s *Stream) error {
	c := s.o.Cache
	if c == nil || c.Save == nil || c.saved {
		return nil
	}
	end := s.at == len(s.prompt)
	if !end && (s.at == 0 || s.at+s.part() < len(s.prompt)) {
		return nil
	}
	c.saved = true
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	out := io.MultiWriter(c.Save, sum)
	w := stored.NewWriter(out)
	stored.Put(w, append([]byte(savedMagic), savedVersion))
	for _, b := range g.bindings(&s.o) {
		stored.Put(w, b.value)
	}
	w.Int(s.at)
	stored.Put(w, s.prompt[:s.at])
	if end {
		w.Int(len(s.logits))
		stored.Put(w, s.logits)
	} else {
		w.Int(0)
	}
	err := w.Err()
	if err == nil {
		err = s.seq.Save(out)
	}
	if err == nil {
		_, err = c.Save.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	}
	if err != nil {
		return fmt.Errorf("generate: save the prompt: %w", err)
	}
	return nil
}

// begin begins a text, on what was saved where the options name it.
func (g *Generator) begin(prompt []int32, o Options) (*Stream, error) {
	if o.Cache == nil || o.Cache.Load == nil {
		return g.NewStream(prompt, o)
	}
	if err := o.check(g.Model.Info(), len(prompt)); err != nil {
		return nil, err
	}
	seq, logits, err := g.load(o.Cache.Load, prompt, o)
	if err != nil {
		return nil, fmt.Errorf("generate: load the prompt: %w", err)
	}
	s, err := g.Resume(seq, prompt, o)
	if err != nil {
		return nil, err
	}
	if s.at == len(prompt) {
		copy(s.logits, logits)
		s.pending = true
	}
	return s, nil
}

// summed reads and sums up.
type summed struct {
	in  io.Reader
	sum hash.Hash32
}

func (s summed) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	s.sum.Write(b[:n])
	return n, err
}

// load reads a saved state, with logits where it is that of the whole prompt.
func (g *Generator) load(file io.Reader, prompt []int32, o Options) (*attention.Sequence, []float32, error) {
	info, in := g.Model.Info(), summed{file, crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	r := stored.NewReader(in)
	head := stored.Get[byte](r, "magic", nil, len(savedMagic)+1)
	switch {
	case r.Err() != nil || string(head[:len(savedMagic)]) != savedMagic:
		return nil, nil, ErrNoCache
	case head[len(savedMagic)] != savedVersion:
		return nil, nil, fmt.Errorf("version %d of the format, this program reads %d", head[len(savedMagic)], savedVersion)
	}
	for _, b := range g.bindings(&o) {
		if found := stored.Get[byte](r, b.name, nil, len(b.value)); r.Err() == nil && !bytes.Equal(found, b.value) {
			return nil, nil, fmt.Errorf("%w: another %s", ErrOtherCache, b.name)
		}
	}
	n := r.Int("tokens", info.MaxPositions)
	tokens := stored.Get[int32](r, "tokens", nil, n)
	logits := stored.Get[float32](r, "logits", nil, r.Int("logits", info.Vocab))
	if err := r.Err(); err != nil {
		return nil, nil, err
	}
	if err := o.continues(tokens, prompt, len(logits) > 0); err != nil {
		return nil, nil, err
	}
	if len(logits) != 0 && len(logits) != info.Vocab {
		return nil, nil, stored.ErrCorrupt
	}
	seq, err := attention.Load(in, info.Shape(), o.Schedule, o.attention(info, g.CPU.Precision()), n)
	if err != nil {
		return nil, nil, err
	}
	want := in.sum.Sum32()
	sum := make([]byte, 5)
	if got, err := io.ReadFull(file, sum); got != 4 || !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, fmt.Errorf("its end: %w", stored.ErrCorrupt)
	}
	if binary.LittleEndian.Uint32(sum) != want || seq.Length() != n {
		return nil, nil, ErrChecksum
	}
	return seq, logits, nil
}

// continues checks that reading a prompt from its start would pass through the state after the saved tokens.
func (o *Options) continues(tokens, prompt []int32, logits bool) error {
	n := len(tokens)
	if n == 0 || n > len(prompt) || !slices.Equal(tokens, prompt[:n]) {
		return fmt.Errorf("%w: the prompt does not begin with the %d tokens that were saved", ErrOtherCache, n)
	}
	free := o.Schedule.ChunksFreely()
	switch {
	case n == len(prompt) && !logits:
		return fmt.Errorf("%w: a longer prompt, whose first %d tokens these are; save this one", ErrOtherCache, n)
	case n == len(prompt):
		return nil
	case n == len(prompt)-1:
		return fmt.Errorf("%w: the prompt has one token more, which would be read as a generated one; save this one", ErrOtherCache)
	case !free && o.Schedule.Chunk == 0:
		return fmt.Errorf("%w: the schedule prunes a prompt as a whole, so that only the same one goes on from it; give the schedule a chunk", ErrOtherCache)
	case !free && n%o.Schedule.Chunk != 0:
		return fmt.Errorf("%w: the prompt that was saved ended at %d tokens, which is no multiple of the schedule's chunk of %d; only the same one goes on from it", ErrOtherCache, n, o.Schedule.Chunk)
	}
	return nil
}
