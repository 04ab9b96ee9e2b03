// Package timeline writes what the accelerator's units did over time in the trace-event JSON form that the Perfetto
// viewer (ui.perfetto.dev) opens: a track for each unit with slices that do not overlap, and counters. It is an
// accel.Observer: the events of a simulation go in, a file comes out while the simulation runs.
//
// The form is the Trace Event Format of Chromium; times are microseconds, so that a cycle at 1 GHz is 0.001.
package timeline

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"

	"spatten/accel"
)

// Writer writes one timeline. Its first error is kept and reported by Close.
type Writer struct {
	file  io.WriteCloser
	out   *bufio.Writer
	scale float64 // microseconds a cycle
	line  []byte
	first bool
	known []bool // tracks that are named
	err   error
}

// New starts a timeline of a machine that runs at clockGHz; the Writer closes file.
func New(file io.WriteCloser, clockGHz float64) *Writer {
	w := &Writer{file: file, out: bufio.NewWriterSize(file, 1<<16), scale: 1e-3 / clockGHz, first: true}
	w.text(`{"displayTimeUnit":"ns","traceEvents":[`)
	w.event()
	w.text(`{"ph":"M","name":"process_name","pid":1,"args":{"name":"accelerator"}}`)
	return w
}

// Slice implements accel.Observer.
func (w *Writer) Slice(track accel.Track, first, last int64, name string) {
	w.slice(int(track), track.String(), first, last, name)
}

// slice writes a slice of a track, and the track's name before its first.
func (w *Writer) slice(track int, trackName string, first, last int64, name string) {
	for track >= len(w.known) {
		w.known = append(w.known, false)
	}
	if !w.known[track] {
		w.known[track] = true
		tid := strconv.Itoa(track + 1)
		w.event()
		w.text(`{"ph":"M","name":"thread_name","pid":1,"tid":` + tid + `,"args":{"name":` + quote(trackName) + `}}`)
		w.event()
		w.text(`{"ph":"M","name":"thread_sort_index","pid":1,"tid":` + tid + `,"args":{"sort_index":` + tid + `}}`)
	}
	w.event()
	b := append(w.line[:0], `{"ph":"X","pid":1,"tid":`...)
	b = strconv.AppendInt(b, int64(track)+1, 10)
	b = w.time(append(b, `,"ts":`...), first)
	b = w.time(append(b, `,"dur":`...), last-first+1)
	b = appendQuote(append(b, `,"name":`...), name)
	w.line = append(b, '}')
	w.write(w.line)
}

// Count implements accel.Observer.
func (w *Writer) Count(name string, cycle, value int64) {
	w.event()
	b := w.time(append(w.line[:0], `{"ph":"C","pid":1,"ts":`...), cycle)
	b = appendQuote(append(b, `,"name":`...), name)
	b = strconv.AppendInt(append(b, `,"args":{"value":`...), value, 10)
	w.line = append(b, '}', '}')
	w.write(w.line)
}

// quote is a JSON string; Go's own escapes are not all JSON's.
func quote(s string) string { return string(appendQuote(nil, s)) }

func appendQuote(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' || s[i] >= 0x7f {
			q, _ := json.Marshal(s) // of a string, it has no error
			return append(b, q...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func (w *Writer) time(b []byte, cycles int64) []byte {
	return strconv.AppendFloat(b, float64(cycles)*w.scale, 'f', 3, 64)
}

func (w *Writer) event() {
	if !w.first {
		w.text(",\n")
	}
	w.first = false
}

func (w *Writer) text(s string) {
	if w.err == nil {
		_, w.err = w.out.WriteString(s)
	}
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
}

// Close ends the timeline and reports the first error that writing it had.
func (w *Writer) Close() error {
	w.text("\n]}\n")
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
	if err := w.file.Close(); w.err == nil {
		w.err = err
	}
	return w.err
}
