package commands

import (
	"github.com/fcgiscope/fcgiscope/wire"
)

// levelTexts say how binding the levels of rules are, by wire.Level.
var levelTexts = [...]string{
	wire.Must:   "must: the specification states it",
	wire.Should: "should: the specification recommends it",
	wire.Note:   "note: the specification allows it; it breaks a program that exists, or a reader would miss it",
}

// A ruleText is what there is to say of a rule beside its row in wire.Rules.
type ruleText struct {
	rule    wire.RuleID
	text    string // what comes of it
	example string // a conversation that breaks it
}

func ruleTopics() []topic {
	var all []topic
	for _, r := range ruleTexts() {
		rule := r.rule.Rule()
		all = append(all, topic{
			kind: "rule", name: string(rule.ID), section: rule.Section, brief: rule.Text, text: r.text, example: r.example,
			facts: [][2]string{
				{"level", levelTexts[rule.Level]},
				{"section", rule.Section + " of the FastCGI specification"},
			},
		})
	}
	return all
}

// exFilter is the beginning of a request for the role FILTER.
const exFilter = "> BEGIN_REQUEST id=1 role=FILTER flags=0\n> PARAMS id=1 REQUEST_METHOD=GET FCGI_DATA_LAST_MOD=1767323045 FCGI_DATA_LENGTH=2\n> PARAMS id=1\n"

// exPost is the beginning of a request with a body of three bytes.
const exPost = exBegin + "> PARAMS id=1 REQUEST_METHOD=POST SCRIPT_NAME=/a CONTENT_LENGTH=3\n> PARAMS id=1\n"

// exKept is a request that asks to keep the connection.
const exKept = "> BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN\n" + exParams + "> STDIN id=1\n"

// ruleTexts returns a row for each of wire.Rules, in its order.
func ruleTexts() []ruleText {
	return append(recordRuleTexts(), conversationRuleTexts()...)
}

// recordRuleTexts is about single records and what is in them.
func recordRuleTexts() []ruleText {
	return []ruleText{
		{wire.RuleVersion, `
Mostly a sign that something else is wrong: a peer that lost its place, or one that does not speak FastCGI (72 is
the H of HTTP). nginx stops there, lighttpd accepts any version, php-fpm any but 0, and libfcgi closes.`,
			exBegin + exParams + "> STDIN id=1 version=2\n"},
		{wire.RuleHeaderReserved, `
Harmless: nobody is known to look at it. It tells of a program that does not clear its memory.`,
			exBegin + exParams + "> STDIN id=1 reserved=1\n"},
		{wire.RulePaddingNonzero, `
Harmless for the protocol. If the bytes are a piece of memory, look at what is in them: it goes to the peer.`,
			exAsked + "< STDOUT id=1 padding=55736572 \"Content-Type: text/plain\\r\\n\\r\\nhi\\n\"\n< STDOUT id=1\n" + exEnd},
		{wire.RulePaddingUnsafe, `
With padding of BEGIN_REQUEST libfcgi (and fcgiwrap, and Perl's FCGI) loses all parameters; with padding of the
empty record that ends PARAMS php-fpm loses the body. Pad records that have content, and only those.`,
			exBegin + exParams + "> STDIN id=1 pad=8\n"},
		{wire.RuleRecordTooLarge, `
nginx breaks it where the parameters have 65529 to 65535 bytes, as it pads them to a multiple of 8: the user sees
502. Keep content and padding together at 65535. (The example says so many bytes, and does not have them.)`,
			exPost + "> STDIN id=1 len=65535 pad=8\n"},
		{wire.RuleUnknownType, `
An extension, or bytes that are no record. Within a request php-fpm takes it for the end of PARAMS and answers with
an empty page, Go's net/http/fcgi answers UNKNOWN_TYPE, others go on.`,
			exBegin + exParams + "> TYPE(42) id=1 \"?\"\n> STDIN id=1\n"},
		{wire.RuleDirection, `
Somebody plays the wrong side, or the two directions of a capture were mixed up: dump --to-app and --to-server say
which is which.`,
			exBegin + exParams + "> STDOUT id=1 \"wrong way\"\n> STDIN id=1\n"},
		{wire.RuleManagementID, `
php-fpm and Go's net/http/fcgi answer all the same, libfcgi closes.`,
			"> GET_VALUES id=1 pad=7 FCGI_MPXS_CONNS=\"\"\n< GET_VALUES_RESULT pad=6 FCGI_MPXS_CONNS=0\n"},
		{wire.RuleApplicationID, `
Ids of requests begin at 1. php-fpm and Go's net/http/fcgi serve the id 0, libfcgi closes.`,
			"> BEGIN_REQUEST id=0 role=RESPONDER flags=0\n> PARAMS id=0 REQUEST_METHOD=GET SCRIPT_NAME=/a\n> PARAMS id=0\n> STDIN id=0\n"},
		{wire.RuleBodyLength, `
php-fpm resets the connection on a BEGIN_REQUEST that has not 8 bytes, libfcgi closes, Go's net/http/fcgi accepts 7 and
more.`,
			"> BEGIN_REQUEST id=1 \"\\x00\\x01\\x00\"\n" + exParams + "> STDIN id=1\n"},
		{wire.RuleBodyReserved, `
Harmless, and in every answer of php-fpm: three bytes of END_REQUEST are whatever was in its memory.`,
			exAsked + exAnswer + "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE body-reserved=617273\n"},
		{wire.RuleUnknownRole, `
Go's net/http/fcgi answers as it should, libfcgi closes without a word, php-fpm resets the connection.`,
			"> BEGIN_REQUEST id=1 role=ROLE(7) flags=0\n" + exParams + "> STDIN id=1\n< END_REQUEST id=1 appStatus=0 protocolStatus=UNKNOWN_ROLE\n"},
		{wire.RuleUnknownFlags, `
Harmless with the servers that exist: they look at KEEP_CONN only.`,
			"> BEGIN_REQUEST id=1 role=RESPONDER flags=0x80\n" + exParams + "> STDIN id=1\n"},
		{wire.RuleUnknownStatus, `
Web servers take every status but REQUEST_COMPLETE for the same failure, and this one, too.`,
			exAsked + exAnswer + "< END_REQUEST id=1 appStatus=0 protocolStatus=PROTOCOL_STATUS(9)\n"},
		{wire.RulePairCut, `
A length in the pair is wrong, or the end of the stream came too early. php-fpm resets the connection, libfcgi closes,
and Go's net/http/fcgi serves what it could read.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET \"\\x05\\x05ABCD\"\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RulePairSplit, `
The specification cuts streams anywhere, and shows such a pair in its appendix B. php-fpm parses each PARAMS record
alone: keep pairs whole, and begin a new record before one that does not fit. cgi-fcgi splits beyond 8184 bytes.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a \"\\x0c\\x03QUERY_ST\"\n> PARAMS id=1 \"RINGa=b\"\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RulePairWide, `
Harmless: all servers that were tried read it. --split-pairs and wide: in the text form are for trying others.`,
			exBegin + "> PARAMS id=1 wide:REQUEST_METHOD=wide:GET SCRIPT_NAME=/a\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RulePairTooLarge, `
Mostly an attack, or a length read from the wrong place: four bytes that begin with the highest bit set. libfcgi before
2.4.5 overflowed on it on 32-bit systems (CVE-2025-23016).`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET \"\\x01\\xff\\xff\\xff\\xffXyz\"\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RulePairName, `
No program can ask for it by name. Mostly a program that counts lengths wrongly.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET \"\"=nameless\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RulePairDuplicate, `
php-fpm and Go's net/http/fcgi take the last one, libfcgi finds the first. What one program checks may so be another
value than what the next one uses. nginx sends header fields of one name so before version 1.23.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_NAME=/a SCRIPT_NAME=/b\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RuleValueNUL, `
php-fpm and libfcgi cut there, Go's net/http/fcgi does not: "a.php\x00.jpg" is a picture for who checks its end, and a script
for who runs it.`,
			exBegin + "> PARAMS id=1 REQUEST_METHOD=GET SCRIPT_FILENAME=\"/srv/a.php\\x00.jpg\"\n> PARAMS id=1\n> STDIN id=1\n"},
		{wire.RuleGetValuesValue, `
Harmless: the servers that were tried ignore the values.`,
			"> GET_VALUES pad=7 FCGI_MAX_CONNS=1\n< GET_VALUES_RESULT pad=7 FCGI_MAX_CONNS=5\n"},
		{wire.RuleGetValuesUnknown, `
Allowed, and no way to learn something: what an application does not know it leaves out.`,
			"> GET_VALUES pad=5 FCGI_MPXS_CONNS=\"\" FCGI_COLOUR=\"\"\n< GET_VALUES_RESULT pad=6 FCGI_MPXS_CONNS=0\n"},
		{wire.RuleGetValuesAnswer, `
Go's net/http/fcgi sends two answers, and names FCGI_MPXS_CONNS whatever was asked.`,
			"> GET_VALUES pad=8 FCGI_MAX_CONNS=\"\"\n< GET_VALUES_RESULT FCGI_MAX_CONNS=5 FCGI_MAX_REQS=50\n"},
		{wire.RuleGetValuesInvalid, `
Whoever reads it cannot know what is meant, and should take one request at a time.`,
			"> GET_VALUES pad=8 FCGI_MAX_CONNS=\"\" FCGI_MPXS_CONNS=\"\"\n< GET_VALUES_RESULT FCGI_MAX_CONNS=many FCGI_MPXS_CONNS=2\n"},
		{wire.RuleUnknownTypeAnswer, `
libfcgi answers and then closes, Go's net/http/fcgi stays silent, php-fpm resets the connection.`,
			"> TYPE(42) id=0 \"what?\"\n< UNKNOWN_TYPE type=TYPE(43)\n"},
	}
}
