// Package replay sends conversations again that were observed once, and tells
// what is different in the answers.
//
// A Plan is shown the events of conversations (package flow), from whatever they
// were read, and keeps what is to be sent and what was answered, beyond some
// memory in a temporary file. A Player then plays it against an application:
// each request is begun when all requests that had ended before it have ended
// again, so that what was one after the other stays so, and what overlapped may
// overlap; or several conversations at once; or at the recorded pace.
//
// An answer is compared while it comes, whatever its size; a Result tells what
// is different, with the place and both sides.
package replay
