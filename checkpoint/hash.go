package checkpoint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
)

// Hash returns the SHA-256 of what makes the model: its weight files in the order of their opening and its config.json. Two
// checkpoints with the same hash compute the same. All weights are read for it.
func (c *Checkpoint) Hash() ([sha256.Size]byte, error) {
	h := sha256.New()
	part := func(data []byte) {
		fmt.Fprintf(h, "%d\n", len(data))
		h.Write(data)
	}
	for _, m := range c.maps {
		part(m.data)
	}
	config, err := c.File("config.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return [sha256.Size]byte{}, err
	}
	part(config)
	return [sha256.Size]byte(h.Sum(nil)), nil
}
