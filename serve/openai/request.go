package openai

import (
	"encoding/json"
	"math"
)

// Sampling are the fields that both kinds of completion share.
type Sampling struct {
	Model         string   `json:"model"`
	MaxTokens     *int     `json:"max_tokens"`
	MaxCompletion *int     `json:"max_completion_tokens"`
	Temperature   *float64 `json:"temperature"`
	TopP          *float64 `json:"top_p"`
	TopK          *int     `json:"top_k"` // as llama-server has it
	MinP          *float64 `json:"min_p"` // as llama-server has it
	N             *int     `json:"n"`
	Stop          Strings  `json:"stop"`
	Seed          *int64   `json:"seed"`
	Stream        bool     `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Spatten *Pruning `json:"spatten"`
}

// Pruning is our extension: how attention is to be pruned for this request.
type Pruning struct {
	Schedule json.RawMessage `json:"schedule"` // a name, or a schedule as an object with the keys of its YAML form
	Dense    bool            `json:"dense"`
	Keep     *float64        `json:"keep"`   // share of tokens kept on average
	Budget   *Budget         `json:"budget"` // at most one of its fields
}

// Budget bounds what a request's cache may hold.
type Budget struct {
	Tokens *int64   `json:"tokens"` // live tokens a layer
	Bytes  *int64   `json:"bytes"`  // of keys and values
	Ratio  *float64 `json:"ratio"`  // of the dense fp16 bytes
}

// Message is one turn of a chat.
type Message struct {
	Role    string  `json:"role"`
	Content Content `json:"content"`
}

// ChatRequest is POST /v1/chat/completions.
type ChatRequest struct {
	Sampling
	Messages    []Message `json:"messages"`
	LogProbs    bool      `json:"logprobs"`
	TopLogProbs *int      `json:"top_logprobs"`
}

// CompletionRequest is POST /v1/completions.
type CompletionRequest struct {
	Sampling
	Prompt   Strings `json:"prompt"`
	LogProbs *int    `json:"logprobs"`
	Echo     bool    `json:"echo"`
}

// EmbeddingRequest is POST /v1/embeddings.
type EmbeddingRequest struct {
	Model          string   `json:"model"`
	Input          Strings  `json:"input"`
	EncodingFormat string   `json:"encoding_format"` // float (default) or base64
	Dimensions     *int     `json:"dimensions"`
	Spatten        *Pruning `json:"spatten"`
}

// Limit returns how many tokens are asked for; 0 where the request does not say.
func (s *Sampling) Limit() int {
	if s.MaxCompletion != nil {
		return *s.MaxCompletion
	}
	if s.MaxTokens != nil {
		return *s.MaxTokens
	}
	return 0
}

// Choices returns how many continuations are asked for.
func (s *Sampling) Choices() int {
	if s.N != nil {
		return *s.N
	}
	return 1
}

// Usage reports whether a stream ends with a chunk of usage.
func (s *Sampling) Usage() bool { return s.StreamOptions != nil && s.StreamOptions.IncludeUsage }

// Check reports the first field that is out of range.
func (s *Sampling) Check() *Error {
	between := func(name string, v *float64, low, high float64) *Error {
		if v != nil && !(*v >= low && *v <= high) {
			return BadRequest(name, "%s is %g; it lies between %g and %g", name, *v, low, high)
		}
		return nil
	}
	count := func(name string, v *int, low, high int) *Error {
		if v != nil && (*v < low || *v > high) {
			return BadRequest(name, "%s is %d; it lies between %d and %d", name, *v, low, high)
		}
		return nil
	}
	for _, e := range []*Error{
		count("max_tokens", s.MaxTokens, 1, MaxTokens), count("max_completion_tokens", s.MaxCompletion, 1, MaxTokens),
		between("temperature", s.Temperature, 0, 2), between("top_p", s.TopP, math.SmallestNonzeroFloat64, 1),
		between("min_p", s.MinP, 0, 1), count("top_k", s.TopK, 0, MaxTokens), count("n", s.N, 1, MaxChoices),
	} {
		if e != nil {
			return e
		}
	}
	if len(s.Stop) > MaxStops {
		return BadRequest("stop", "%d stop strings, at most %d are allowed", len(s.Stop), MaxStops)
	}
	for _, stop := range s.Stop {
		if stop == "" || len(stop) > MaxStop {
			return BadRequest("stop", "a stop string has 1 to %d bytes", MaxStop)
		}
	}
	return s.Spatten.check()
}

func (p *Pruning) check() *Error {
	if p == nil {
		return nil
	}
	asked := 0
	if p.Keep != nil {
		asked++
		if !(*p.Keep > 0 && *p.Keep <= 1) {
			return BadRequest("spatten.keep", "keep is %g; a share lies above 0 and is at most 1", *p.Keep)
		}
	}
	if b := p.Budget; b != nil {
		asked++
		if n := count(b.Tokens != nil, b.Bytes != nil, b.Ratio != nil); n != 1 {
			return BadRequest("spatten.budget", "a budget has one of tokens, bytes and ratio; this one has %d", n)
		}
		if b.Tokens != nil && *b.Tokens < 1 || b.Bytes != nil && *b.Bytes < 1 || b.Ratio != nil && !(*b.Ratio > 0 && *b.Ratio <= 1) {
			return BadRequest("spatten.budget", "a budget is at least one token or byte, or a ratio above 0 and at most 1")
		}
	}
	if asked > 1 {
		return BadRequest("spatten", "keep and budget exclude each other")
	}
	if p.Dense && (asked > 0 || len(p.Schedule) > 0) {
		return BadRequest("spatten.dense", "dense excludes schedule, keep and budget")
	}
	return nil
}

func count(bs ...bool) int {
	n := 0
	for _, b := range bs {
		if b {
			n++
		}
	}
	return n
}

// Check reports the first field that is out of range.
func (r *ChatRequest) Check() *Error {
	if e := r.Sampling.Check(); e != nil {
		return e
	}
	if len(r.Messages) == 0 || len(r.Messages) > MaxMessages {
		return BadRequest("messages", "%d messages; there are 1 to %d", len(r.Messages), MaxMessages)
	}
	for i, m := range r.Messages {
		switch m.Role {
		case "system", "user", "assistant", "developer", "tool":
		default:
			return BadRequest("messages", "message %d has the role %.32q, which is unknown", i, m.Role)
		}
	}
	if t := r.TopLogProbs; t != nil && (*t < 0 || *t > MaxLogProbs || !r.LogProbs) {
		return BadRequest("top_logprobs", "top_logprobs is %d; it lies between 0 and %d and needs logprobs", *t, MaxLogProbs)
	}
	return nil
}

// Check reports the first field that is out of range.
func (r *CompletionRequest) Check() *Error {
	if e := r.Sampling.Check(); e != nil {
		return e
	}
	if len(r.Prompt) == 0 || len(r.Prompt) > MaxChoices {
		return BadRequest("prompt", "%d prompts; there are 1 to %d", len(r.Prompt), MaxChoices)
	}
	if l := r.LogProbs; l != nil && (*l < 0 || *l > MaxLogProbs) {
		return BadRequest("logprobs", "logprobs is %d; it lies between 0 and %d", *l, MaxLogProbs)
	}
	return nil
}

// Check reports the first field that is out of range.
func (r *EmbeddingRequest) Check() *Error {
	if len(r.Input) == 0 || len(r.Input) > MaxInputs {
		return BadRequest("input", "%d inputs; there are 1 to %d", len(r.Input), MaxInputs)
	}
	for _, text := range r.Input {
		if text == "" {
			return BadRequest("input", "an input is empty")
		}
	}
	switch r.EncodingFormat {
	case "", "float", "base64":
	default:
		return BadRequest("encoding_format", "encoding_format %.32q is neither float nor base64", r.EncodingFormat)
	}
	return r.Spatten.check()
}
