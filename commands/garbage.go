package commands

// roomSize is how many bytes of garbage there are at least before the collector
// comes again.
const roomSize = 16 << 20

// garbageRoom returns memory that is never touched, and so takes none of the
// machine's, but counts for the garbage collector: while somebody holds it, the
// collector waits for as much garbage as that, not for the 4 MB that are usual
// in a small program and that a gateway makes in a few hundred requests. Unlike
// a larger GOGC it lets a program that needs much memory grow no further than
// usual. It is nil where the user has told the collector what to do.
func garbageRoom(getenv func(string) string) []byte {
	if getenv("GOGC") != "" || getenv("GOMEMLIMIT") != "" {
		return nil
	}
	return make([]byte, roomSize)
}
