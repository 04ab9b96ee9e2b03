package bert

import (
	"encoding/json"
	"fmt"
	"strings"
)

// normalizes reads modules.json, the list of what sentence-transformers does in turn, and reports whether embeddings
// are scaled to length 1 at the end.
func normalizes(data []byte) (bool, error) {
	var modules []struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &modules); err != nil {
		return false, fmt.Errorf("model: modules.json: %w", err)
	}
	found := false
	for _, m := range modules {
		switch kind := m.Type[strings.LastIndexByte(m.Type, '.')+1:]; kind {
		case "Transformer", "Pooling":
		case "Normalize":
			found = true
		default:
			return false, fmt.Errorf("model: modules.json: module %q is not supported, only Transformer, Pooling and Normalize", m.Type)
		}
	}
	return found, nil
}
