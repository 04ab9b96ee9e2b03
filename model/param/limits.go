package param

// Limits on what a configuration may claim, far above any published model of the three families. The tensors' own
// sizes bound memory; these keep products of claims from overflowing and loops from running long.
const (
	MaxLayers    = 1 << 10
	MaxHeads     = 1 << 12
	MaxHeadDim   = 1 << 12
	MaxDim       = 1 << 17
	MaxHidden    = 1 << 20
	MaxVocab     = 1 << 23
	MaxPositions = 1 << 25
	MaxLabels    = 1 << 16
)
