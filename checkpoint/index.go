package checkpoint

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// indexFile names the shards of a model whose weights are in several safetensors files.
const indexFile = "model.safetensors.index.json"

// maxShards bounds the files that an index may name.
const maxShards = 1024

// loadIndex opens the shards that an index names. Every tensor must be in exactly the shard that the index says.
func (c *Checkpoint) loadIndex(file string, open func(string) (mapped, error)) error {
	data, err := c.File(file)
	if err != nil {
		return err
	}
	var index struct {
		Shards map[string]string `json:"weight_map"` // tensor to file
	}
	if err := json.Unmarshal(data, &index); err != nil { // refuses a name that is given twice
		return fmt.Errorf("checkpoint: %s: %w", file, err)
	}
	shards := map[string]bool{}
	for tensor, shard := range index.Shards {
		if !plainName(shard) || path.Ext(shard) != ".safetensors" {
			return fmt.Errorf("checkpoint: %s places tensor %q in %q, which is no .safetensors file beside it", file, tensor, shard)
		}
		shards[shard] = true
	}
	if len(shards) == 0 || len(shards) > maxShards {
		return fmt.Errorf("checkpoint: the weight_map of %s names %d files; it may name 1 to %d", file, len(shards), maxShards)
	}
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		if err := c.loadShard(shard, open, index.Shards); err != nil {
			return err
		}
	}
	for tensor, shard := range index.Shards {
		if _, ok := c.tensors[tensor]; !ok {
			return fmt.Errorf("checkpoint: %s places tensor %q in %s, which lacks it", file, tensor, shard)
		}
	}
	return nil
}

// plainName reports whether name is that of a file in the same folder, on every system.
func plainName(name string) bool {
	return fs.ValidPath(name) && name != "." && !strings.ContainsAny(name, `/\:`)
}
