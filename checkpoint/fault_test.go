package checkpoint

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"
)

var errDisk = errors.New("the disk failed")

// faulty fails at the n-th call and at all after it; calls counts them.
type faulty struct {
	fs.FS
	n, calls int
}

func (f *faulty) fail() bool {
	f.calls++
	return f.n > 0 && f.calls >= f.n
}

func (f *faulty) Open(name string) (fs.File, error) {
	if f.fail() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errDisk}
	}
	file, err := f.FS.Open(name)
	return faultyFile{file, f}, err
}

type faultyFile struct {
	fs.File
	on *faulty
}

func (f faultyFile) Read(b []byte) (int, error) {
	if f.on.fail() {
		return 0, errDisk
	}
	return f.File.Read(b)
}

func (f faultyFile) Stat() (fs.FileInfo, error) {
	if f.on.fail() {
		return nil, errDisk
	}
	return f.File.Stat()
}

// TestDiskFails lets the n-th access to the disk fail, for every n, while a sharded model is opened and its
// configuration read.
func TestDiskFails(t *testing.T) {
	files := fstest.MapFS{
		"config.json":   {Data: []byte(`{}`)},
		indexFile:       {Data: []byte(`{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`)},
		"1.safetensors": {Data: []byte(oneTensor("a"))},
		"2.safetensors": {Data: []byte(oneTensor("b"))},
	}
	use := func(f *faulty) error {
		c, err := OpenFS(f, "model")
		if err != nil {
			return err
		}
		_, err = c.Describe()
		return errors.Join(err, c.Close())
	}
	whole := &faulty{FS: files}
	if err := use(whole); err != nil || whole.calls < 10 {
		t.Fatalf("%d calls, %v", whole.calls, err)
	}
	for n := 1; n <= whole.calls; n++ {
		if err := use(&faulty{FS: files, n: n}); !errors.Is(err, errDisk) {
			t.Errorf("access %d of %d failed: %v", n, whole.calls, err)
		}
	}
}
