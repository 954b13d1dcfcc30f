// Package server plays the FastCGI application: it accepts connections from
// web servers and answers their requests with a Handler.
//
// A Server multiplexes, knows the three roles, answers the management records,
// honours KEEP_CONN exactly and keeps what a hostile peer can make it hold
// within Limits. Handlers are Go functions; Mux, HTTP and CGI make handlers of
// a table of functions, a net/http.Handler and a directory of programs, and
// Apps lists the ones that are built in. A Fault breaks the protocol on
// purpose, for testing web servers and clients.
//
// Input beyond what the protocol allows is ignored, not punished: records of
// inactive requests, streams that have ended, unknown types. Only what leaves
// no way to go on closes the connection: another protocol version, and a
// BEGIN_REQUEST without its eight bytes.
//
// Locks: output is written under conn.wmu, the state of a connection is kept
// under conn.mu; who needs both takes wmu first.
package server
