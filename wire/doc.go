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
// # For those who know Net::FastCGI
//
// What Perl's Net::FastCGI offers function by function, and where it is here:
//
//	build_header                  Header.Append
//	build_record                  NewRecord, Record.Append; Writer.WriteRecord pads
//	build_stream                  Writer.Stream: a StreamWriter, whose Close terminates
//	build_params                  AppendPairs, Pair.Append; Writer.Pairs for a stream
//	build_begin_request           client.Request (package client), or the records one by one
//	build_begin_request_body      BeginRequest.Append
//	build_begin_request_record    BeginRecord
//	build_end_request             server.Exchange (package server), or the records one by one
//	build_end_request_body        EndRequest.Append
//	build_end_request_record      EndRecord
//	build_unknown_type_body       UnknownTypeBody.Append
//	build_unknown_type_record     UnknownTypeRecord
//	parse_header                  ParseHeader
//	parse_record                  Split
//	parse_record_body             ParseBeginRequest, ParseEndRequest, ParseUnknownType,
//	                              ParsePairs, or Type.Spec for any of them; what it
//	                              refuses is a rule here: Rules
//	parse_begin_request_body      ParseBeginRequest
//	parse_end_request_body        ParseEndRequest
//	parse_unknown_type_body       ParseUnknownType
//	parse_params                  ParsePairs, Lookup
//	check_params                  CheckPairs
//	get_record_length             Split, ParseHeader and Header.Len
//	get_type_name, FCGI_TYPE_NAME Type.String
//	get_role_name, FCGI_ROLE_NAME Role.String
//	get_protocol_status_name,
//	FCGI_PROTOCOL_STATUS_NAME     ProtocolStatus.String
//	is_known_type                 Type.Known
//	is_management_type            Type.Spec: Management
//	is_discrete_type              Type.Spec: Shape is Fixed or Empty
//	is_stream_type                Type.Spec: Stream
//	dump_record, dump_record_body package text, and pretty's format perl
//	read_header, read_record      Reader.ReadRecord
//	write_header, write_record    Writer.WriteRaw, Writer.WriteRecord
//	write_stream                  Writer.Stream
//	can_read, can_write           deadlines of the net.Conn (package transport)
//	pack templates                Spec.Body, Field
//	FCGI_RECORD_NAME              BodyError, which names the type
//	FCGI_BEGIN_REQUEST …          TypeBeginRequest … TypeUnknownType
//	FCGI_RESPONDER …              Responder, Authorizer, Filter; KeepConn
//	FCGI_REQUEST_COMPLETE …       RequestComplete, CantMultiplex, Overloaded, UnknownRole
//	FCGI_MAX_CONTENT_LEN …        MaxContent, HeaderLen, MaxPadding, MaxRecord
//	FCGI_MAX_CONNS …              MaxConns, MaxReqs, MpxsConns, ValueNames
//
// The specification: FastCGI Specification 1.0, Open Market, 29 April 1996.
// Section numbers in these comments are its.
package wire
