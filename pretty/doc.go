// Package pretty shows the events of package flow: as text that can be read
// back, as a table, as JSON Lines and in the other formats of Formats. It
// consumes events and nothing else: what is not in an event is not shown.
//
// Bytes from a peer never reach the output raw, with one exception that says
// so in its name. They go through Quote, Clean or the JSON encoder, which
// escape control characters (C1 included), invisible and bidirectional
// characters and invalid UTF-8.
//
// No sink keeps more than a bound that has a name, however long the input.
//
// A format is one file and one row in Formats.
package pretty
