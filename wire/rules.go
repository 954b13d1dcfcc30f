package wire

// A Level is how binding a rule is.
type Level uint8

// The levels of rules. The specification does not use the words of RFC 2119:
// Must is what it states as a plain fact, Should what it recommends, Note what
// it allows and what is nevertheless worth knowing, because it breaks a peer
// that exists or because a reader would miss it.
const (
	Must Level = iota
	Should
	Note
)

// String returns "must", "should" or "note".
func (l Level) String() string { return [...]string{"must", "should", "note"}[l] }

// MarshalText returns what String returns.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A RuleID names a rule. Ids never change and are never used again.
type RuleID string

// A Rule is something that the specification says about a conversation and
// that can be seen to be broken on the wire.
type Rule struct {
	ID      RuleID // its name
	Section string // of the FastCGI specification
	Level   Level  // how binding it is
	Text    string // what has to hold, one sentence
}

// The rules, each beside its row in the table below. Detecting them is the
// business of package flow.
const (
	RuleVersion           RuleID = "version"
	RuleHeaderReserved    RuleID = "header-reserved"
	RulePaddingNonzero    RuleID = "padding-nonzero"
	RulePaddingUnsafe     RuleID = "padding-unsafe"
	RuleRecordTooLarge    RuleID = "record-too-large"
	RuleUnknownType       RuleID = "unknown-type"
	RuleDirection         RuleID = "direction"
	RuleManagementID      RuleID = "management-id"
	RuleApplicationID     RuleID = "application-id"
	RuleBodyLength        RuleID = "body-length"
	RuleBodyReserved      RuleID = "body-reserved"
	RuleUnknownRole       RuleID = "unknown-role"
	RuleUnknownFlags      RuleID = "unknown-flags"
	RuleUnknownStatus     RuleID = "unknown-status"
	RuleIDActive          RuleID = "id-active"
	RuleIDInactive        RuleID = "id-inactive"
	RuleLateInput         RuleID = "late-input"
	RuleOutputInactive    RuleID = "output-inactive"
	RuleEndInactive       RuleID = "end-inactive"
	RuleStreamEnded       RuleID = "stream-ended"
	RuleStreamOrder       RuleID = "stream-order"
	RuleStreamUnended     RuleID = "stream-unended"
	RuleStdoutUnended     RuleID = "stdout-unended"
	RuleStderrUnended     RuleID = "stderr-unended"
	RuleOutputEarly       RuleID = "output-early"
	RuleEarlyAnswer       RuleID = "early-answer"
	RuleStreamRole        RuleID = "stream-role"
	RuleStdinLength       RuleID = "stdin-length"
	RuleDataLength        RuleID = "data-length"
	RuleContentLength     RuleID = "content-length"
	RuleFilterParams      RuleID = "filter-params"
	RuleAuthorizerParams  RuleID = "authorizer-params"
	RulePairCut           RuleID = "pair-cut"
	RulePairSplit         RuleID = "pair-split"
	RulePairWide          RuleID = "pair-wide"
	RulePairTooLarge      RuleID = "pair-too-large"
	RulePairName          RuleID = "pair-name"
	RulePairDuplicate     RuleID = "pair-duplicate"
	RuleValueNUL          RuleID = "value-nul"
	RuleGetValuesValue    RuleID = "get-values-value"
	RuleGetValuesUnknown  RuleID = "get-values-unknown"
	RuleGetValuesAnswer   RuleID = "get-values-answer"
	RuleGetValuesInvalid  RuleID = "get-values-invalid"
	RuleUnknownTypeAnswer RuleID = "unknown-type-answer"
	RuleMultiplexRefused  RuleID = "multiplex-refused"
	RuleNoEnd             RuleID = "no-end"
	RuleLostAtClose       RuleID = "lost-at-close"
	RuleAbortUnanswered   RuleID = "abort-unanswered"
	RuleKeepConn          RuleID = "keep-conn"
	RuleResponseHeader    RuleID = "response-header"
	RuleNPH               RuleID = "nph"
)

var rules = []Rule{
	{RuleVersion, "3.3", Must, "The version of a record is 1."},
	{RuleHeaderReserved, "3.3", Note, "The reserved byte of a header is 0; receivers ignore it."},
	{RulePaddingNonzero, "3.3", Note, "Padding is ignored; bytes other than 0 in it are memory that somebody did not mean to send."},
	{RulePaddingUnsafe, "3.3", Note, "Any record may be padded, but libfcgi and php-fpm lose their place on padding of BEGIN_REQUEST and of empty records."},
	{RuleRecordTooLarge, "3.3", Note, "Content and padding may have 65790 bytes together, but php-fpm resets the connection above 65535."},
	{RuleUnknownType, "4.2", Note, "A record type that the specification does not name; on request id 0 it is answered with UNKNOWN_TYPE."},
	{RuleDirection, "3.3", Must, "BEGIN_REQUEST, ABORT_REQUEST, PARAMS, STDIN, DATA and GET_VALUES go to the application, the other types to the web server."},
	{RuleManagementID, "3.3", Must, "A management record has the request id 0."},
	{RuleApplicationID, "3.3", Must, "An application record has a request id other than 0."},
	{RuleBodyLength, "3.3", Must, "A fixed body has its length: 8 bytes, or none for ABORT_REQUEST."},
	{RuleBodyReserved, "5.1", Note, "The reserved bytes of a body are 0; receivers ignore them (php-fpm sends uninitialised memory)."},
	{RuleUnknownRole, "5.1", Note, "The role is RESPONDER, AUTHORIZER or FILTER; another one is answered with UNKNOWN_ROLE."},
	{RuleUnknownFlags, "5.1", Note, "KEEP_CONN is the only flag."},
	{RuleUnknownStatus, "5.5", Must, "The protocolStatus is REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED or UNKNOWN_ROLE."},
	{RuleIDActive, "3.3", Must, "BEGIN_REQUEST uses an id that is not active."},
	{RuleIDInactive, "3.3", Must, "A web server sends records for active requests only; the application ignores the others."},
	{RuleLateInput, "3.3", Note, "Input that crosses an END_REQUEST on its way is ignored; php-fpm resets the connection."},
	{RuleOutputInactive, "3.3", Must, "An application sends output for active requests only."},
	{RuleEndInactive, "5.5", Must, "A request is ended once."},
	{RuleStreamEnded, "3.3", Must, "Nothing follows the empty record that ends a stream."},
	{RuleStreamOrder, "6.1", Must, "The inputs of a request come one after the other: PARAMS, STDIN, DATA."},
	{RuleStreamUnended, "6.1", Must, "A stream of a request is ended by an empty record."},
	{RuleStdoutUnended, "6.1", Note, "STDOUT is ended by an empty record before END_REQUEST; php-fpm never sends it."},
	{RuleStderrUnended, "6.1", Note, "STDERR that has content is ended by an empty record before END_REQUEST."},
	{RuleOutputEarly, "6.2", Must, "Output starts after the end of PARAMS; for a FILTER after the end of STDIN."},
	{RuleEarlyAnswer, "6.2", Note, "The application may answer before it has read its input; the rest of the input is lost."},
	{RuleStreamRole, "6.1", Must, "DATA is for the role FILTER, and an AUTHORIZER gets no input but PARAMS."},
	{RuleStdinLength, "6.2", Must, "STDIN has CONTENT_LENGTH bytes; php-fpm hangs when there are fewer."},
	{RuleDataLength, "6.4", Must, "DATA has FCGI_DATA_LENGTH bytes."},
	{RuleContentLength, "6.2", Must, "CONTENT_LENGTH is a decimal number or empty; others hang a php-fpm worker or lose the body."},
	{RuleFilterParams, "6.4", Must, "A FILTER gets FCGI_DATA_LAST_MOD and FCGI_DATA_LENGTH."},
	{RuleAuthorizerParams, "6.3", Must, "An AUTHORIZER gets no CONTENT_LENGTH, PATH_INFO, PATH_TRANSLATED and SCRIPT_NAME."},
	{RulePairCut, "3.4", Must, "Name-value pairs end where the stream, or the management record, that holds them ends."},
	{RulePairSplit, "3.4", Note, "A pair may be split over PARAMS records, but php-fpm resets the connection."},
	{RulePairWide, "3.4", Note, "A length up to 127 is usually written in 1 byte; 4 bytes are allowed."},
	{RulePairTooLarge, "3.4", Note, "A pair is larger than this observer keeps; its name and value are not shown."},
	{RulePairName, "3.4", Note, "A name is not empty."},
	{RulePairDuplicate, "3.4", Note, "A name comes once; servers differ in which of several they use."},
	{RuleValueNUL, "6.1", Must, "A textual value holds no NUL byte; php-fpm and libfcgi cut it there."},
	{RuleGetValuesValue, "4.1", Must, "GET_VALUES has names only, the values are empty."},
	{RuleGetValuesUnknown, "4.1", Note, "The specification defines FCGI_MAX_CONNS, FCGI_MAX_REQS and FCGI_MPXS_CONNS; others are left out of the answer."},
	{RuleGetValuesAnswer, "4.1", Must, "GET_VALUES is answered with one GET_VALUES_RESULT, which names only what was asked for."},
	{RuleGetValuesInvalid, "4.1", Must, "FCGI_MAX_CONNS and FCGI_MAX_REQS are decimal numbers, FCGI_MPXS_CONNS is 0 or 1."},
	{RuleUnknownTypeAnswer, "4.2", Must, "A management record of an unknown type is answered with UNKNOWN_TYPE, which names that type, and nothing else is."},
	{RuleMultiplexRefused, "5.5", Note, "The application takes one request at a time on this connection."},
	{RuleNoEnd, "5.5", Must, "Every request is ended by END_REQUEST before the application closes the connection."},
	{RuleLostAtClose, "3.5", Note, "After a request without KEEP_CONN the application closes the connection, and what else is open on it is lost."},
	{RuleAbortUnanswered, "5.4", Must, "ABORT_REQUEST is answered with END_REQUEST."},
	{RuleKeepConn, "5.1", Must, "The application closes the connection after the answer when KEEP_CONN is not set, and only then."},
	{RuleResponseHeader, "6.2", Must, "STDOUT begins with a CGI response header that an empty line ends."},
	{RuleNPH, "6.1", Must, "A response does not begin with an HTTP status line: FastCGI has no non-parsed headers."},
}

// Rules returns all rules, in the order of the table.
func Rules() []Rule { return append([]Rule(nil), rules...) }

// Rule returns the row of id, nil if there is none. The result is shared and
// must not be changed.
func (id RuleID) Rule() *Rule { return ruleIndex[id] }

var ruleIndex = func() map[RuleID]*Rule {
	m := make(map[RuleID]*Rule, len(rules))
	for i := range rules {
		m[rules[i].ID] = &rules[i]
	}
	return m
}()
