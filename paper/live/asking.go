package live

import "math"

// Share is how many queries of generated tokens have their largest probability under a threshold.
type Share struct {
	Data      string  `json:"data"`
	Threshold float64 `json:"threshold"`
	Share     float64 `json:"share"`
}

func under(to []Share, maxima []float32, data string) []Share {
	for _, t := range []float64{0.05, 0.1, 0.2} {
		n := 0.0
		for _, m := range maxima {
			if float64(m) < t {
				n++
			}
		}
		to = append(to, Share{data, t, n / math.Max(1, float64(len(maxima)))})
	}
	return to
}
