// Package record holds the plain records that a run of a model writes down about its attention, and the interface
// it writes them to. It is a leaf: attention and model produce records, trace stores them, accel replays them.
//
// The order is the order in which the hardware works: Run, then for each Pass its Layers; in a Layer first the layer
// itself, its FC records as they happen, then for each live query head one Head with all its queries, for each
// key/value head one Group (generation only), then the Ranks that end the layer. Slices handed to a Recorder are
// valid only during the call.
package record

// Run describes the sequence that the records after it belong to.
type Run struct {
	Model        string `json:"model"`
	Architecture string `json:"architecture"` // "bert", "gpt2", "llama"
	Layers       int    `json:"layers"`
	Heads        int    `json:"heads"`    // query heads, H
	KVHeads      int    `json:"kv_heads"` // key/value heads, G
	HeadDim      int    `json:"head_dim"` // D
	ModelDim     int    `json:"model_dim"`
	Causal       bool   `json:"causal"`
	Precision    string `json:"precision"` // of the activations: "f32", "int8", "hardware"
	Schedule     string `json:"schedule"`  // the schedule as YAML; empty for a dense run
	ScheduleHash string `json:"schedule_hash"`
	Seed         uint64 `json:"seed"`
}

// Stage tells the two stages apart (section II of the paper).
type Stage uint8

// Summarization reads a prompt or a whole sentence, many queries at once; Generation is one query a step.
const (
	Summarization Stage = iota
	Generation
)

// Pass is one forward pass of one sequence: a chunk of the prompt, or one generated token.
type Pass struct {
	Stage  Stage
	Index  int // number of the pass in the run, from 0
	First  int // position of the pass's first token
	Tokens int // tokens of this pass
}

// Layer opens a layer of a pass. Positions are the sequence's original ones, ascending.
type Layer struct {
	Index     int
	Keys      []int32 // live keys of the layer, this pass's live tokens included (T_l)
	Queries   []int32 // this pass's live tokens: the rows of the layer's batch
	Heads     []int32 // live query heads (A_l)
	Bits      Bits
	Threshold float32 // of progressive quantization; 0 where it is off
}

// Bits are the widths at which a layer's operands are stored. 32 stands for unquantized fp32, 16 for fp16.
type Bits struct {
	Query    uint8
	KeyMSB   uint8 // always fetched
	KeyLSB   uint8 // fetched on demand; 0 where widths are static
	Value    uint8
	KeyScale uint8 // bits of scale that a key row carries on average, rounded up
	ValScale uint8 // the same for a value row
}

// Query is what one query of one head did.
type Query struct {
	Keys    int32   // keys scored
	LSBs    int32   // keys whose LSBs were fetched: Keys where the whole query was recomputed, 0 where it was not
	Values  int32   // value rows multiplied
	MaxProb float32 // largest probability of the first pass, which the threshold is compared with
}

// Head is one query head of a layer with its queries in order.
type Head struct {
	Head    int // index among the H query heads
	Group   int // key/value head that it shares
	Keys    []int32
	Queries []Query
	// ValuePositions and LSBPositions hold, query after query, the positions of the value rows (where Values < Keys)
	// and LSB rows (where 0 < LSBs < Keys) that were addressed. Filled in generation, where memory is addressed by
	// position; empty in summarization. Keys is the head's own live set where the schedule prunes by head, else nil.
	ValuePositions []int32
	LSBPositions   []int32
	// Probabilities and Scores hold each query's rows over its keys, for recorders that ask for them; else nil.
	Probabilities []float32
	Scores        []float32
}

// Group counts the distinct rows that a generation pass reads for one key/value head: the union over the query heads
// that share it. Bytes is the kv_bytes of that head: rows in the units in which they are stored, scales included.
type Group struct {
	Group  int
	Keys   int32 // rows of the MSB plane
	LSBs   int32 // rows of the LSB plane
	Values int32
	Bytes  int64
}

// RankKind says what a top-k ranked.
type RankKind uint8

// Token ranking and head ranking run after a layer, or before a head where the schedule prunes by head.
const (
	RankTokens RankKind = iota
	RankHeads
)

// Rank is one run of the token/head top-k: Keep of Candidates stayed.
type Rank struct {
	Kind       RankKind
	Candidates int
	Keep       int
	Scores     []float32 // the ranked importance, for recorders that ask for it; else nil
}

// FCKind names a fully connected layer.
type FCKind uint8

// The fully connected layers of the three families.
const (
	FCQuery FCKind = iota
	FCKey
	FCValue
	FCOutput
	FCGate
	FCUp
	FCDown
	FCPooler
	FCClassifier
	FCLMHead
)

// FC is one matrix product with stored weights.
type FC struct {
	Kind       FCKind
	Rows       int     // live rows multiplied
	In, Out    int     // shape really multiplied: pruned heads leave it
	WeightBits float32 // average stored bits a weight, scales included
}

// Recorder receives the records of one run in order. Implementations keep their first error and report it when closed; one
// with a method Err() error may be asked between passes, so that a long run ends early.
type Recorder interface {
	Begin(*Run)
	Pass(*Pass)
	Layer(*Layer)
	FC(*FC)
	Head(*Head)
	Group(*Group)
	Rank(*Rank)
	End()
	// Wants says which optional rows the recorder asks for.
	Wants() Wants
}

// Wants are the optional parts of the records.
type Wants struct {
	Probabilities bool // Head.Probabilities
	Scores        bool // Head.Scores and Rank.Scores
	Positions     bool // Head.ValuePositions and LSBPositions in summarization too
}
