package tune

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// State is the log of what has been measured, a line of JSON each, headed by what was searched. A search that is started
// anew with it asks for the same schedules in the same order, and does not measure again what stands there.
type State struct {
	file  *os.File
	known map[string]Point
}

// header tells one search from another.
type header struct {
	Search string `json:"search"`
}

// OpenState reads a log, or starts it. search names model, texts, space and all else that measurements depend on. A line
// that a killed search left unfinished is cut off.
func OpenState(path, search string) (*State, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("tune: state: %w", err)
	}
	s := &State{file: f, known: map[string]Point{}}
	if err := s.read(search); err != nil {
		f.Close()
		return nil, fmt.Errorf("tune: state %s: %w", path, err)
	}
	return s, nil
}

func (s *State) read(search string) error {
	r, end := bufio.NewReader(s.file), int64(0)
	for line := 1; ; line++ {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break // what is left has no end: cut off
		}
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if line == 1 {
			var h header
			if err := d.Decode(&h); err != nil {
				return fmt.Errorf("is no log of a search: %w", err)
			}
			if h.Search != search {
				return errors.New("belongs to a search of another model, other texts or other flags; name another file")
			}
		} else {
			var p Point
			if err := d.Decode(&p); err != nil {
				return fmt.Errorf("line %d: %w", line, err)
			}
			s.known[key(p.Levels)] = p
		}
		end += int64(len(text))
	}
	if err := s.file.Truncate(end); err != nil {
		return err
	}
	if _, err := s.file.Seek(end, io.SeekStart); err != nil {
		return err
	}
	if end > 0 {
		return nil
	}
	return s.write(header{search})
}

func (s *State) write(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.file.Write(append(line, '\n'))
	return err
}

// add logs a point.
func (s *State) add(p Point) error {
	if s.file == nil {
		return nil
	}
	if err := s.write(p); err != nil {
		return fmt.Errorf("tune: state: %w", err)
	}
	return nil
}

// Close closes the log.
func (s *State) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// key names levels.
func key(levels []int) string { return fmt.Sprint(levels) }
