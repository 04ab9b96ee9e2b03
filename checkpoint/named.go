package checkpoint

import (
	"fmt"
	"strings"

	"spatten/checkpoint/hub"
	"spatten/models"
)

// OpenNamed opens a model the way every command names one: an embedded model by its name, else a folder or a file, else
// a model of the hub ("org/name", "org/name@revision") that has been pulled.
func OpenNamed(name string) (*Checkpoint, error) {
	if fsys, ok := models.Open(name); ok {
		return OpenFS(fsys, name)
	}
	path, err := hub.Resolve(name)
	if err != nil {
		return nil, fmt.Errorf("%w; embedded models: %s", err, strings.Join(models.Names(), ", "))
	}
	return Open(path)
}
