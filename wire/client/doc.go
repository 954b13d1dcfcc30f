// Package client speaks the web server's side of FastCGI: it connects to an
// app, sends requests and reads answers.
//
// A Conn is one connection; it carries one request at a time, or several at
// once where the app can do that. A Pool keeps connections for the next
// request. Raw is for those who want to send and read records by themselves.
//
// No goroutine belongs to a connection: who wants to read an answer reads the
// connection, also for the others that wait. So an answer that nobody reads
// stays where it is, and an app cannot fill the memory with it. A goroutine
// sends a request that is too large for one write, so that an app may answer
// before it has read everything.
//
// What an app does wrong is reported and does no harm to what it did right:
// every byte of STDOUT that came can be read before the error is told.
package client
