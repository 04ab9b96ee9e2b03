package openai

// Usage counts a request's tokens. Spatten is our extension; clients ignore what they do not know.
type Usage struct {
	PromptTokens     int    `json:"prompt_tokens"`
	CompletionTokens int    `json:"completion_tokens,omitempty"`
	TotalTokens      int    `json:"total_tokens"`
	Spatten          *Saved `json:"spatten,omitempty"`
}

// Saved is what pruning did for a request.
type Saved struct {
	Schedule      string   `json:"schedule,omitempty"` // its name
	ScheduleHash  string   `json:"schedule_hash,omitempty"`
	Precision     string   `json:"precision"`
	TokensKept    float64  `json:"tokens_kept"` // mean share of the sequence that lives in a layer at the end
	KVBytes       int64    `json:"kv_bytes"`    // read by the decode steps
	DenseKVBytes  int64    `json:"dense_fp32_kv_bytes"`
	CacheBytes    int64    `json:"cache_bytes"` // resident at the end
	PrefixTokens  int      `json:"prefix_tokens,omitempty"`
	Cycles        *int64   `json:"cycles,omitempty"` // simulated, where an accelerator is configured
	EnergyJ       *float64 `json:"energy_j,omitempty"`
	LSBsRequested float64  `json:"lsb_share,omitempty"` // of the queries
}

// Completion is the answer to a completion or chat request, whole or one chunk of a stream.
type Completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []Choice `json:"choices"`
	Usage   *Usage   `json:"usage,omitempty"`
}

// Choice is one continuation.
type Choice struct {
	Index        int       `json:"index"`
	Message      *Reply    `json:"message,omitempty"` // chat, whole
	Delta        *Delta    `json:"delta,omitempty"`   // chat, streamed
	Text         *string   `json:"text,omitempty"`    // completion
	LogProbs     *LogProbs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

// Reply is a whole message.
type Reply struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"`
}

// Delta is what a chunk adds to a message.
type Delta struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content,omitempty"`
}

// LogProbs lists the generated tokens with their probabilities: Content for chats, the rest for completions.
type LogProbs struct {
	Content       []TokenLogProb       `json:"content,omitempty"`
	Tokens        []string             `json:"tokens,omitempty"`
	TokenLogProbs []float64            `json:"token_logprobs,omitempty"`
	TopLogProbs   []map[string]float64 `json:"top_logprobs,omitempty"`
	TextOffset    []int                `json:"text_offset,omitempty"`
}

// TokenLogProb is one token of a chat with the natural logarithm of its probability.
type TokenLogProb struct {
	Token       string       `json:"token"`
	LogProb     float64      `json:"logprob"`
	Bytes       []int        `json:"bytes"`
	TopLogProbs []TopLogProb `json:"top_logprobs"`
}

// TopLogProb is an alternative.
type TopLogProb struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
	Bytes   []int   `json:"bytes"`
}

// Embeddings is the answer to an embedding request.
type Embeddings struct {
	Object string      `json:"object"` // "list"
	Data   []Embedding `json:"data"`
	Model  string      `json:"model"`
	Usage  Usage       `json:"usage"`
}

// Embedding is one vector: a list of numbers, or their little-endian fp32 bytes in base64.
type Embedding struct {
	Object    string `json:"object"` // "embedding"
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

// Models is the answer to GET /v1/models.
type Models struct {
	Object string  `json:"object"` // "list"
	Data   []Model `json:"data"`
}

// Model names one model.
type Model struct {
	ID      string `json:"id"`
	Object  string `json:"object"` // "model"
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}
