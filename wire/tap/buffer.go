package tap

import "sync"

// Sizes of the buffers that bytes are passed on in. A connection that is idle
// has none, one that waits for a slow reader has one a direction.
const (
	smallBuffer = 8 << 10
	largeBuffer = 64 << 10
	// maxLarge is how many large ones a Proxy uses at once: 16 MiB.
	maxLarge = 256
)

// The buffers that nobody uses just now.
var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// release gives back a buffer that has one of the two sizes.
func release(p []byte) {
	switch cap(p) {
	case smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(p[:smallBuffer]))
	case largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(p[:largeBuffer]))
	}
}

// copyOf returns a copy of p for release. What is short has a buffer of its own.
func copyOf(p []byte) []byte {
	switch {
	case len(p) <= smallBuffer/4:
		return append([]byte(nil), p...)
	case len(p) <= smallBuffer:
		return append(smallBuffers.Get().(*[smallBuffer]byte)[:0], p...)
	case len(p) <= largeBuffer:
		return append(largeBuffers.Get().(*[largeBuffer]byte)[:0], p...)
	}
	return append([]byte(nil), p...)
}

// A lender lends buffers, of the large ones a limited number.
type lender struct {
	lent chan struct{} // holds a token for each large one
}

func newLender() *lender { return &lender{lent: make(chan struct{}, maxLarge)} }

// get lends a buffer: a large one if much is expected and there is one left.
func (l *lender) get(large bool) []byte {
	if large {
		select {
		case l.lent <- struct{}{}:
			return largeBuffers.Get().(*[largeBuffer]byte)[:]
		default:
		}
	}
	return smallBuffers.Get().(*[smallBuffer]byte)[:]
}

// put takes back what get has lent.
func (l *lender) put(p []byte) {
	release(p)
	if cap(p) == largeBuffer {
		<-l.lent
	}
}
