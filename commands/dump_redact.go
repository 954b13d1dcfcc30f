package commands

import (
	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire/redact"
)

// A redaction is what nobody is to see.
type redaction struct {
	on    bool
	names list
}

func (o *redaction) flags(category string) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "redact", Category: category, Usage: "mask cookies, passwords, tokens and the like, everywhere, so that the output and what --record keeps can be shown to others; fcgiscope dump --help says what it finds", Destination: &o.on},
		&cli.GenericFlag{Name: "redact-name", Category: category, Usage: "mask the parameters and fields called `NAME`, too (* and ? as in file names); may come several times", Value: &o.names},
	}
}

// redactor returns what masks events, nil if nothing is to be masked. To name
// what is to be masked is to ask for it.
func (o *redaction) redactor() *redact.Redactor {
	if !o.on && len(o.names) == 0 {
		return nil
	}
	return redact.New(o.names...)
}

// redactHelp says what --redact does, and what it does not.
const redactHelp = `
--redact puts a * for each byte of the values of cookies, of parameters, header fields, and fields
of query strings and of urlencoded, multipart and JSON bodies that have names such as PASSWORD,
TOKEN, SECRET, SESSION, API_KEY, AUTHORIZATION or PHP_AUTH_PW. Bodies that are compressed, and what
cannot be understood because a part of it was not captured, are masked wholly. Lengths stay as they
are. Look at the result before you show it: what an application prints under another name stays,
and so do addresses. --where sees what is left.
`
