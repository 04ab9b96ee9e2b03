package attention

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// Shares are numbers in (0, 1], one for all layers or one a layer.
type Shares []float64

// Widths are bits, one for all layers or one a layer.
type Widths []int

// Thresholds are probabilities, one for all layers or one a layer.
type Thresholds []float32

// At returns the share of a layer; without shares everything is kept.
func (s Shares) At(layer int) float64 { return at(s, layer, 1) }

// At returns the width in a layer; without widths 0.
func (w Widths) At(layer int) int { return at(w, layer, 0) }

// At returns the threshold in a layer; without thresholds 0.
func (t Thresholds) At(layer int) float32 { return at(t, layer, 0) }

func (w Widths) max() int { return slices.Max(append(Widths{0}, w...)) }

func at[T any](list []T, layer int, otherwise T) T {
	switch len(list) {
	case 0:
		return otherwise
	case 1:
		return list[0]
	default:
		return list[min(layer, len(list)-1)]
	}
}

// UnmarshalYAML accepts a number or a list.
func (s *Shares) UnmarshalYAML(n *yaml.Node) error { return unmarshal((*[]float64)(s), n) }

// UnmarshalYAML accepts a number or a list.
func (w *Widths) UnmarshalYAML(n *yaml.Node) error { return unmarshal((*[]int)(w), n) }

// UnmarshalYAML accepts a number or a list.
func (t *Thresholds) UnmarshalYAML(n *yaml.Node) error { return unmarshal((*[]float32)(t), n) }

// MarshalYAML writes a single number as such and a list in one line.
func (s Shares) MarshalYAML() (any, error) { return marshal([]float64(s)) }

// MarshalYAML writes a single number as such and a list in one line.
func (w Widths) MarshalYAML() (any, error) { return marshal([]int(w)) }

// MarshalYAML writes a single number as such and a list in one line.
func (t Thresholds) MarshalYAML() (any, error) { return marshal([]float32(t)) }

func unmarshal[T any](list *[]T, n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var v T
		if err := n.Decode(&v); err != nil {
			return err
		}
		*list = []T{v}
		return nil
	}
	return n.Decode(list)
}

func marshal[T any](list []T) (any, error) {
	if len(list) == 1 {
		return list[0], nil
	}
	n := &yaml.Node{}
	if err := n.Encode(list); err != nil {
		return nil, err
	}
	n.Style = yaml.FlowStyle
	return n, nil
}
