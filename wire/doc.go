// Package wire is the codec of the FastCGI protocol, version 1: record
// headers, record bodies, name-value pairs, streams, and the names and rules
// of the specification.
//
// It frames and names; it does not judge, print or dial. Anything a peer can
// send is data: version 7, type 200 and a role nobody has heard of are decoded
// and kept byte for byte. Only I/O and truncation are errors, and they are
// told apart: a stream that ends between two records ends in io.EOF, a stream
// that ends inside one in a *TruncatedError.
//
// Two words are used in one sense throughout this module: the app is the
// FastCGI application, the server is the web server. Package client plays the
// server's part (it connects), package server plays the app's (it accepts).
//
// Values of this package are not safe for concurrent use.
//
// The package imports the standard library only, and of it neither net nor os.
//
// The specification: FastCGI Specification 1.0, Open Market, 29 April 1996.
// Section numbers in these comments are its.
package wire
