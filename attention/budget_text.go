package attention

import (
	"fmt"
	"strconv"
	"strings"
)

// units of budgets in bytes; the longer names come first.
var units = []struct {
	name string
	size float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// ParseBudget reads a number of tokens ("2048"), of bytes ("24MiB", "500KB", "4096B"), or a share of a dense fp16 cache
// ("25%").
func ParseBudget(text string) (Budget, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return Budget{Tokens: n}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		if v, err := strconv.ParseFloat(number, 64); err == nil && v > 0 && v <= 1000 {
			return Budget{Ratio: v / 100}, nil
		}
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if bytes := v * u.size; err == nil && bytes >= 1 && bytes < 1<<62 {
			return Budget{Bytes: int64(bytes)}, nil
		}
		break
	}
	return Budget{}, fmt.Errorf("budget %q is neither a number of tokens (2048), nor of bytes (24MiB, 500KB), nor a share of a dense fp16 cache (25%%)", text)
}
