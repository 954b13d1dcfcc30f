package commands

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fcgiscope/fcgiscope/wire"
)

type rulesOptions struct {
	format choice
	ids    []string
}

func (o *rulesOptions) flags() []cli.Flag {
	o.format = choice{"text", []string{"text", "jsonl"}}
	return []cli.Flag{
		choiceFlag("", "format", []string{"f"}, "output `FORMAT`: text or jsonl", &o.format),
	}
}

func rulesCommand(env *Env) *cli.Command {
	var o rulesOptions
	return &cli.Command{
		Name:      "rules",
		Usage:     "list the rules of the protocol that findings name",
		ArgsUsage: "[RULE...]",
		Description: `
Each rule with the section of the FastCGI specification and how binding it is: must is what the
specification states, should what it recommends, note what it allows but what breaks some peer.

Examples:
  fcgiscope rules
  fcgiscope rules pair-split stdin-length
  fcgiscope rules -f jsonl`,
		Flags: o.flags(),
		Action: func(c *cli.Context) error {
			o.ids = c.Args().Slice()
			return rules(env, o)
		},
	}
}

// rules prints the rules that were named, or all.
func rules(env *Env, o rulesOptions) error {
	chosen, err := chooseRules(o.ids)
	if err != nil {
		return err
	}
	var out []byte
	var rows [][]string
	for _, r := range chosen {
		if o.format.word == "jsonl" {
			line, err := json.Marshal(struct {
				Rule    wire.RuleID `json:"rule"`
				Section string      `json:"section"`
				Level   wire.Level  `json:"level"`
				Text    string      `json:"text"`
			}{r.ID, r.Section, r.Level, r.Text})
			if err != nil {
				return fmt.Errorf("rules: %w", err)
			}
			out = append(append(out, line...), '\n')
			continue
		}
		rows = append(rows, []string{string(r.ID), r.Section, r.Level.String(), r.Text})
	}
	if o.format.word == "text" {
		return writeTable(env, nil, rows)
	}
	return write(env.Stdout, out)
}

func chooseRules(ids []string) ([]wire.Rule, error) {
	if len(ids) == 0 {
		return wire.Rules(), nil
	}
	var chosen []wire.Rule
	for _, id := range ids {
		r := wire.RuleID(strings.ToLower(id)).Rule()
		if r == nil {
			return nil, unknownRule(id)
		}
		chosen = append(chosen, *r)
	}
	return chosen, nil
}

func unknownRule(id string) error {
	var names []string
	for _, r := range wire.Rules() {
		names = append(names, string(r.ID))
	}
	if near := wire.Nearest(id, names); near != "" {
		return usagef("rules: unknown rule %q (did you mean %s?)", id, near)
	}
	return withHint(usagef("rules: unknown rule %q", id), "fcgiscope rules lists them")
}
