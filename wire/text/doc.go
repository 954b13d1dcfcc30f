// Package text is the readable form of a FastCGI conversation. What it prints
// it also reads: bytes → records → text → records → bytes is the identity for
// any record, legal or not.
//
//	> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN
//	> PARAMS id=1 pad=3
//	    SCRIPT_FILENAME="/srv/a.php"
//	    REQUEST_METHOD=GET
//	> PARAMS id=1
//	> STDIN id=1
//	< STDOUT id=1 "Status: 200 OK\r\n\r\n"
//	< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE
//
// The grammar, in EBNF; "sp" is any number of spaces and tabs, at least one
// between two words:
//
//	text      = { entry } .
//	entry     = record | raw | event | directive | comment | eol .
//	record    = dir sp type { sp argument } eol { continued } .
//	raw       = dir sp "raw" { sp ( string | hexpair ) } eol { continued } .
//	event     = [ dir sp ] "!" sp ( "fin" | "rst" | "gap" [ sp number ] ) eol .
//	directive = "@conn" sp number [ sp address [ sp address ] ] eol
//	          | "@at" sp ( ( "+" | "-" ) duration | time ) eol
//	          | "@cut" sp number eol .
//	continued = indent { argument sp } eol .   // belongs to the entry above
//	eol       = sp [ comment ] "\n" .
//	comment   = "#" { any } .                  // where a word could begin
//
//	dir       = ">" | "<" .                    // to the application | to the web server
//	type      = name | "TYPE(" number ")" | number .
//	argument  = field | pair | string .
//	field     = key "=" ( word | string ) .
//	key       = "id" | "version" | "reserved" | "len" | "pad" | "padding"
//	          | the name of a field of the type's body | "body-reserved" .
//	pair      = side "=" side .
//	side      = [ "wide:" ] ( string | word ) .
//	string    = '"' { char | escape } '"' | 'x"' { hexpair | sp } '"' .
//	escape    = "\" ( "n" | "r" | "t" | "\" | '"' | "x" hexpair | … ) .  // as in Go
//	word      = visible characters but quotes; that of a key or name has no "=" .
//
// The content of a record is what its strings, pairs and fields stand for, one
// after the other. A fixed body has fields or strings, not both. A string
// beside pairs is what does not make a whole pair: the part of one that is
// split over records, or that was cut.
//
// On the line of a record a bare key is a field; on an indented line it is the
// name of a pair, so a parameter that is called id is written there, or quoted.
//
//   - id may be left out of a management record and is 0 then.
//   - version is 1 and reserved (the last byte of the header) 0 unless given.
//   - len and pad are the lengths in the header. They need to be given only
//     where they lie; pad without padding stands for so many zero bytes.
//   - padding and body-reserved are hexadecimal.
//   - Fields of a body that are left out are 0, unless 0 means nothing.
//   - wide: before a name or value that is shorter than 128 bytes says that its
//     length takes 4 bytes although 1 would do.
//
// "@conn" says which connection the entries after it belong to: its number and
// the address of the application, or the web server's and the application's.
// "@at" says when they happened: so long after the beginning (before it, where a
// clock went back), or a time as in RFC 3339. "@cut" says that the content of records was cut to so many bytes
// to be shown, and that the text cannot be sent again.
//
// "fin" and "rst" tell that the sender of that direction closed or reset the
// connection, "gap" that so many bytes are missing (without a number: nobody
// knows how many); "raw" are bytes that are no record.
//
// Reading is lenient about what people type: names of types, values and fields
// in either case, with - or nothing for _, with or without FCGI_; numbers for
// names, decimal or with 0x; arguments in any order, on one line or several.
package text
