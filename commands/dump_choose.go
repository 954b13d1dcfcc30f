package commands

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
)

// A choosing is what is to be shown of all that there is.
type choosing struct {
	conns  numbers
	ids    numbers
	types  types
	failed bool
	where  where
	limit  count
}

const choosingFlags = "Choosing"

func (o *choosing) flags() []cli.Flag {
	o.conns.max, o.ids.max = 1<<31-1, 1<<16-1
	return []cli.Flag{
		&cli.GenericFlag{Name: "where", Category: choosingFlags, Usage: "only requests, or records, for which `EXPR` is true, such as 'status >= 500 && param.REQUEST_METHOD == \"POST\"'; see above", Value: &o.where},
		&cli.BoolFlag{Name: "failed", Category: choosingFlags, Usage: "only requests with a status from 400 on, another appStatus than 0, another protocolStatus than REQUEST_COMPLETE, no end, or a broken rule; and gaps", Destination: &o.failed},
		&cli.GenericFlag{Name: "conn", Category: choosingFlags, Usage: "only the connection with number `N`, from 0; may come several times, as the next two may", Value: &o.conns},
		&cli.GenericFlag{Name: "id", Category: choosingFlags, Usage: "only what has the request id `N`", Value: &o.ids},
		&cli.GenericFlag{Name: "type", Category: choosingFlags, Usage: "only records of the type `NAME`, such as STDERR", Value: &o.types},
	}
}

func (o *choosing) limitFlag() cli.Flag {
	return &cli.GenericFlag{Name: "limit", Category: choosingFlags, Usage: "stop after `N` records", Value: &o.limit}
}

func (o *choosing) choice() pretty.Choice {
	c := pretty.Choice{Types: o.types, Failed: o.failed, Where: o.where.condition}
	c.Conns = o.conns.values
	for _, id := range o.ids.values {
		c.IDs = append(c.IDs, uint16(id))
	}
	return c
}

// checkChoice refuses to look for records with a format that shows requests.
func checkChoice(command string, c pretty.Choice, format pretty.Format) error {
	if !c.Records() || format.NeedsWhole {
		return nil
	}
	flag, hint := "--where", "its fields type_name, content and so on are those of records"
	if c.Types != nil {
		flag, hint = "--type", ""
	}
	if format.Name == rawFormat {
		hint = "to choose a stream: --part"
	}
	return withHint(usagef("%s: %s chooses records, and --format %s shows requests", command, flag, format.Name), hint)
}

// whereHelp explains the fields of --where.
func whereHelp() string {
	var b bytes.Buffer
	b.WriteString(`
Expressions of --where are those of https://expr-lang.org (== != < && || not in contains matches
startsWith …) with these fields of requests; what has no explanation is as in -f jsonl:
`)
	writeFields(&b, false)
	b.WriteString("And these of records. With one of them records are chosen, and not requests:\n")
	writeFields(&b, true)
	b.WriteString(`
Times are seconds: took > 0.5, or took > duration("500ms"). A request is shown when it is known that
it is wanted. Until then up to 4 MiB of it are held, and 16 MiB of all; what is more is left out,
with a note. --conn, --id and --type hold nothing.
`)
	return b.String()
}

// writeFields explains the fields of records, or of requests: those that have
// an explanation a line each, the others in one.
func writeFields(b *bytes.Buffer, record bool) {
	var plain []string
	for _, f := range pretty.WhereFields() {
		switch {
		case f.Record != record:
		case f.Help == "":
			plain = append(plain, f.Name)
		default:
			writeEntry(b, 16, f.Name, f.Help)
		}
	}
	b.WriteString("  " + strings.Join(plain, ", ") + "\n")
}

// tellChosen says what the user would not expect of what was chosen.
func tellChosen(env *Env, c *pretty.Chooser) {
	if c.Cut > 0 {
		complain(env, plural(int(c.Cut), "request", "too large to be held whole: a part is left out"))
		complain(env, "hint: --conn N --id N without --where and --failed shows all of it")
	}
	if c.Unclear > 0 {
		complain(env, fmt.Sprintf("--where could not be evaluated %s: %s", plural(int(c.Unclear), "time", ""), plain(c.Err)))
	}
	if c.Chosen == 0 && c.Requests > 0 {
		complain(env, "nothing is chosen of "+plural(int(c.Requests), "request", ""))
	}
}

// numbers is the value of a flag that may come several times.
type numbers struct {
	values []int
	max    int
}

// Set implements flag.Value.
func (n *numbers) Set(s string) error {
	for _, one := range strings.Split(s, ",") {
		v, err := strconv.Atoi(one)
		if err != nil || v < 0 || v > n.max {
			return fmt.Errorf("want a number from 0 to %d", n.max)
		}
		n.values = append(n.values, v)
	}
	return nil
}

// String returns "": there is no default.
func (n *numbers) String() string { return "" }

// types is the value of a flag: types of records.
type types []wire.Type

// Set implements flag.Value.
func (t *types) Set(s string) error {
	for _, one := range strings.Split(s, ",") {
		typ, err := wire.ParseType(one)
		if err != nil {
			return unknownType(one)
		}
		*t = append(*t, typ)
	}
	return nil
}

func unknownType(name string) error {
	var names []string
	for _, s := range wire.Specs() {
		names = append(names, s.Name)
	}
	if near := wire.Nearest(name, names); near != "" {
		return fmt.Errorf("did you mean %s?", near)
	}
	return fmt.Errorf("want %s, or a number as TYPE(42)", orList(names))
}

// String returns "": there is no default.
func (t *types) String() string { return "" }

// where is the value of a flag: an expression.
type where struct{ condition *pretty.Condition }

// Set implements flag.Value.
func (w *where) Set(s string) error {
	c, err := pretty.ParseWhere(s)
	if err != nil {
		return errors.New(plain(err))
	}
	w.condition = c
	return nil
}

// String returns "": there is no default.
func (w *where) String() string { return "" }
