package timeline

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"spatten/accel"
)

// The file is JSON; a track is named once; times are microseconds of the machine's clock.
func TestForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := New(file, 2)
	w.Slice(accel.TrackQK, 100, 149, `a "row"`)
	w.Slice(accel.TrackQK, 150, 150, "b")
	w.Count("queue", 128, 7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		TraceEvents []struct {
			Ph, Name string
			Tid      int
			Ts, Dur  float64
			Args     map[string]any
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	kinds := ""
	for _, e := range got.TraceEvents {
		kinds += e.Ph
	}
	if kinds != "MMMXXC" {
		t.Errorf("events %s, want the process, the track's name and place, two slices, a counter", kinds)
	}
	if e := got.TraceEvents[3]; e.Name != `a "row"` || e.Ts != 0.05 || e.Dur != 0.025 {
		t.Errorf("slice %+v, want 50 cycles from cycle 100 at 2 GHz", e)
	}
	if e := got.TraceEvents[5]; e.Args["value"] != 7.0 || e.Ts != 0.064 {
		t.Errorf("counter %+v", e)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
func (full) Close() error              { return nil }

var errFull = errors.New("disk full")

func TestErrorIsKept(t *testing.T) {
	var disk io.WriteCloser = full{}
	w := New(disk, 1)
	for i := range int64(10_000) {
		w.Slice(accel.TrackPV, i, i, "row")
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}
