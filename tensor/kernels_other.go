//go:build !amd64

package tensor

// available returns the kernel sets of this machine, the fastest first.
func available() []*kernels { return []*kernels{&portable} }

// readsMapped says whether fp32 numbers lie in memory as they do in a file: not on every architecture.
const readsMapped = false
