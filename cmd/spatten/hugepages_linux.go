package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePages asks that what the heap grows into next, up to 2 GB, lie in pages of 2 MB where the system leaves that to programs: keys and
// values of a long text are read here and there, and each page of 4 KB that is met costs a walk through page tables. Nothing is
// touched, so nothing is taken from memory before it is used.
func hugePages() {
	const size, page = 2 << 30, 2 << 20
	probe, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil || unix.Munmap(probe) != nil {
		return // so much address space is not to be had
	}
	space := make([]byte, size+page)
	start := -uintptr(unsafe.Pointer(unsafe.SliceData(space))) % page // what is missing to a whole page
	if unix.Madvise(space[start:start+size], unix.MADV_HUGEPAGE) != nil {
		return // a kernel without them
	}
	runtime.KeepAlive(space)
	runtime.GC() // gives the space back to the heap, which keeps the advice
}
