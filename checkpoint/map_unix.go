//go:build unix

package checkpoint

import (
	"fmt"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped is a file's bytes. mapping is set where they must be released.
type mapped struct {
	data    []byte
	mapping []byte
}

// mapFile maps a regular file for reading.
func mapFile(name string) (mapped, error) {
	// A device or a pipe could block for ever when opened or read.
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return mapped{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return mapped{}, err
	}
	if !info.Mode().IsRegular() {
		return mapped{}, fmt.Errorf("%s is not a regular file", name)
	}
	switch size := info.Size(); {
	case size == 0:
		return mapped{}, nil // no mapping is empty
	case size > math.MaxInt:
		return mapped{}, fmt.Errorf("%s has %d bytes, more than this machine can address", name, size)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return mapped{}, fmt.Errorf("map %s: %w", name, err)
	}
	return mapped{data, data}, nil
}

// forget gives back the memory of the pages that lie wholly within data, if those are pages of the mapping.
func (m mapped) forget(data []byte) {
	if len(data) == 0 || len(m.mapping) == 0 {
		return
	}
	from := int(uintptr(unsafe.Pointer(&data[0])) - uintptr(unsafe.Pointer(&m.mapping[0])))
	if from < 0 || from > len(m.mapping)-len(data) {
		return // of another file, or of none
	}
	page := os.Getpagesize()
	first, last := (from+page-1)/page*page, (from+len(data))/page*page
	if first < last {
		_ = unix.Madvise(m.mapping[first:last], unix.MADV_DONTNEED) // advice: without it the pages just stay
	}
}

func (m mapped) release() error {
	if m.mapping == nil {
		return nil
	}
	return unix.Munmap(m.mapping)
}
