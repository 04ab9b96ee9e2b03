//go:build !amd64

package kernel

// available returns the sets of this machine, the fastest first.
func available() []*set { return []*set{&portable} }
