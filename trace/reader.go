package trace

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"spatten/attention/record"
)

// Reader gives a trace's records back in order, holding one record at a time.
type Reader struct {
	decode
	zip     *zstd.Decoder
	file    io.Closer
	records uint64
	inRun   bool
	inPass  bool
	inLayer bool
	done    bool

	run   record.Run
	pass  record.Pass
	layer record.Layer
	fc    record.FC
	head  record.Head
	group record.Group
	rank  record.Rank
	end   End
}

// NewReader reads a trace from r.
func NewReader(r io.Reader) (*Reader, error) {
	head := make([]byte, len(magic)+1)
	if _, err := io.ReadFull(r, head); err != nil || string(head[:len(magic)]) != magic {
		return nil, &Error{Field: "magic", Err: ErrNoTrace}
	}
	if v := head[len(magic)]; v != Version {
		return nil, &Error{Field: "version", Err: fmt.Errorf("%w: %d, this program reads %d", ErrVersion, v, Version)}
	}
	zip, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return &Reader{decode: decode{in: bufio.NewReaderSize(zip, 64<<10)}, zip: zip}, nil
}

// Open reads a trace from a file.
func Open(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("trace: %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	r, err := NewReader(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.file = f
	return r, nil
}

// Close releases what the Reader holds.
func (r *Reader) Close() error {
	r.zip.Close()
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}

// Records runs over the rest of the trace. A record and its slices are valid until the next one. After an error,
// which is the last item, nothing follows.
func (r *Reader) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// Replay hands the rest of the trace to a recorder.
func (r *Reader) Replay(to record.Recorder) error { return Replay(r.Records(), to) }

// Next returns the next record, or io.EOF after the last one.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	if r.done {
		return nil, io.EOF
	}
	r.records++
	switch tag := r.byte("record"); {
	case r.err != nil:
	case tag == tagStop && !r.inRun:
		r.done = true
		if _, err := r.in.ReadByte(); err != io.EOF {
			r.fail("end of the stream", ErrCorrupt)
			break
		}
		return nil, io.EOF
	case tag == tagRun && !r.inRun:
		r.readRun()
		return r.give(&r.run)
	case tag == tagEnd && r.inRun:
		r.readEnd()
		return r.give(&r.end)
	case tag == tagPass && r.inRun:
		r.readPass()
		return r.give(&r.pass)
	case tag == tagLayer && r.inPass:
		r.readLayer()
		return r.give(&r.layer)
	case tag == tagFC && r.inPass:
		r.readFC()
		return r.give(&r.fc)
	case tag == tagHead && r.inLayer:
		r.readHead()
		return r.give(&r.head)
	case tag == tagGroup && r.inLayer:
		r.readGroup()
		return r.give(&r.group)
	case tag == tagRank && r.inLayer:
		r.readRank()
		return r.give(&r.rank)
	default:
		r.fail(fmt.Sprintf("record %q", tag), ErrCorrupt)
	}
	return nil, r.err
}

func (r *Reader) give(rec Record) (Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	return rec, nil
}

// OpenRecords opens a file that holds records in any form that is known: a trace, or a published workload as CSV.
// The file is closed when the records have been read to their end or given up.
func OpenRecords(path string) (iter.Seq2[Record, error], error) {
	if !strings.EqualFold(filepath.Ext(path), ".csv") {
		r, err := Open(path)
		if err != nil {
			return nil, err
		}
		return func(yield func(Record, error) bool) {
			defer r.Close()
			r.Records()(yield)
		}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return func(yield func(Record, error) bool) {
		defer f.Close()
		WorkloadRecords(f, name)(yield)
	}, nil
}

// Replay hands records to a recorder until they end.
func Replay(records iter.Seq2[Record, error], to record.Recorder) error {
	for rec, err := range records {
		if err != nil {
			return err
		}
		switch rec := rec.(type) {
		case *record.Run:
			to.Begin(rec)
		case *record.Pass:
			to.Pass(rec)
		case *record.Layer:
			to.Layer(rec)
		case *record.FC:
			to.FC(rec)
		case *record.Head:
			to.Head(rec)
		case *record.Group:
			to.Group(rec)
		case *record.Rank:
			to.Rank(rec)
		case *End:
			to.End()
		}
	}
	return nil
}

// Kind names a record's kind in one word.
func Kind(rec Record) string {
	switch rec.(type) {
	case *record.Run:
		return "run"
	case *record.Pass:
		return "pass"
	case *record.Layer:
		return "layer"
	case *record.FC:
		return "fc"
	case *record.Head:
		return "head"
	case *record.Group:
		return "group"
	case *record.Rank:
		return "rank"
	default:
		return "end"
	}
}
