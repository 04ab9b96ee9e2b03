package kernel

// Ahead is where bytes are known that will be read soon. Kernels that compute much and read little ask memory for them meanwhile, as many as
// it delivers in that time; results do not depend on it.
type Ahead interface {
	// Ahead returns the next n bytes, each only once, or fewer where there are no more.
	Ahead(n int) []byte
}

// How many bytes kernels ask for: what the assembly adds up.
const (
	expAhead    = 6   // a number
	mixAhead    = 2   // a number
	selectAhead = 2   // a number
	foldAhead   = 512 // a block
)

// claim returns the bytes for a kernel that asks for n, or nothing.
func claim(a Ahead, n int) []byte {
	if a == nil {
		return nil
	}
	if b := a.Ahead(n); len(b) == n {
		return b
	}
	return nil
}
