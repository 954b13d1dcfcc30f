// Package cgi is what CGI/1.1 adds to FastCGI, on bytes: the header of a
// response, and the parameters of a request, as applications need them
// (Request.Params) or as one web server makes them (Presets).
//
// It imports the standard library only, and of it neither net nor net/http.
// Values are not safe for concurrent use.
//
// The specification: RFC 3875, The Common Gateway Interface (CGI) Version 1.1.
package cgi
