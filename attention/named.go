package attention

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

//go:embed schedules/*.yaml
var shipped embed.FS

// ScheduleNames lists the schedules that ship with the program, in alphabetical order.
func ScheduleNames() []string {
	entries, _ := fs.ReadDir(shipped, "schedules")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	return names
}

// LoadSchedule reads a schedule that ships with the program by its name, or else from the file of that path.
func LoadSchedule(nameOrFile string) (*Schedule, error) {
	data, err := source(nameOrFile)
	if err != nil {
		return nil, err
	}
	s, err := ParseSchedule(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", nameOrFile, err)
	}
	return s, nil
}

func source(name string) ([]byte, error) {
	if slices.Contains(ScheduleNames(), name) {
		return shipped.ReadFile("schedules/" + name + ".yaml")
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("schedule %q: neither a file nor one of %s", name, strings.Join(ScheduleNames(), ", "))
	case err != nil:
		return nil, fmt.Errorf("schedule: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxScheduleBytes:
		return nil, fmt.Errorf("schedule %s: not a regular file of at most %d bytes", name, maxScheduleBytes)
	}
	return os.ReadFile(name)
}
