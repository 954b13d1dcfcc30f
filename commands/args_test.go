package commands

import (
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// testApp has the flags of which curl's users join the short ones.
func testApp() *cli.App {
	return &cli.App{
		Name:  "fcgiscope",
		Flags: []cli.Flag{helpFlag()},
		Commands: []*cli.Command{{
			Name: "request", HelpName: "fcgiscope request",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "include", Aliases: []string{"i"}},
				&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}},
				&cli.BoolFlag{Name: "silent", Aliases: []string{"s"}},
				&cli.BoolFlag{Name: "show-error", Aliases: []string{"S"}},
				&cli.StringFlag{Name: "method", Aliases: []string{"X", "request"}},
				&cli.StringFlag{Name: "output", Aliases: []string{"o"}},
				&cli.GenericFlag{Name: "data", Aliases: []string{"d"}, Value: new(list)},
				&cli.GenericFlag{Name: "param", Aliases: []string{"P"}, Value: new(list)},
				helpFlag(),
			},
		}, {
			Name:        "fpm",
			Flags:       []cli.Flag{helpFlag()},
			Subcommands: []*cli.Command{{Name: "status", Flags: []cli.Flag{&cli.BoolFlag{Name: "full"}, helpFlag()}}},
		}},
	}
}

func TestArrange(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"request a /", "request -- a /"},
		{"request -iv a /", "request --include --verbose -- a /"},
		{"request a / -iv", "request --include --verbose -- a /"},
		{"request a -i / -v", "request --include --verbose -- a /"},
		{"request -sS a", "request --silent --show-error -- a"},
		{"request -XPOST a", "request --method=POST -- a"},
		{"request -X POST a", "request --method=POST -- a"},
		{"request --request PUT a", "request --method=PUT -- a"},
		{"request --request=PUT a", "request --method=PUT -- a"},
		{"request -d@file a", "request --data=@file -- a"},
		{"request -ivd@file a", "request --include --verbose --data=@file -- a"},
		{"request -vX POST a", "request --verbose --method=POST -- a"},
		{"request -d a=b -d c=d,e a", "request --data=a=b --data=c=d,e -- a"},
		{"request -P A=b=c a", "request --param=A=b=c -- a"},
		{"request -d=x a", "request --data==x -- a"},
		{"request -o - a -", "request --output=- -- a -"},
		{"request -o -v a", "request --output=-v -- a"},
		{"request -d -- a", "request --data=-- -- a"},
		{"request --data= a", "request --data= -- a"},
		{"request -v=false a", "?unknown flag \"-=\" in \"-v=false\""},
		{"request --verbose=false a", "request --verbose=false -- a"},
		{"request -- -v a", "request -- -v a"},
		{"request a -- -v", "request -- a -v"},
		{"request -i exec: php-cgi -b -v", "request --include -- exec: php-cgi -b -v"},
		{"request exec:php-cgi / -i", "request --include -- exec:php-cgi /"},
		{"request -dé a", "request --data=é -- a"},
		{"request -é a", "?unknown flag \"-é\""},
		{"request -iz a", `?unknown flag "-z" in "-iz"`},
		{"request -output x a", `?unknown flag "-output" (did you mean --output?)`},
		{"request --outptu x a", `?unknown flag "--outptu" (did you mean --output?)`},
		{"request --out x a", `?unknown flag "--out" (did you mean --output?)`},
		{"request a -o", "?-o needs a value"},
		{"request a --output", "?--output needs a value"},
		{"fpm status a --full", "fpm status --full -- a"},
		{"fpm", "fpm --"},
		{"--help", "--help"},
	}
	for _, tt := range tests {
		line, err := arrange(testApp(), append([]string{"fcgiscope"}, strings.Fields(tt.in)...))
		got := strings.Join(line.words, " ")
		if err != nil {
			got = "fcgiscope ?" + err.Error()
			tt.want = strings.Replace(tt.want, "?", "?request: ", 1)
		}
		if diff := cmp.Diff("fcgiscope "+tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

// TestArrangeLeavesArgs: the caller's slice is not written to.
func TestArrangeLeavesArgs(t *testing.T) {
	t.Parallel()
	args := strings.Fields("fcgiscope request a / -iv -d b")
	if _, err := arrange(testApp(), args); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields("fcgiscope request a / -iv -d b"), args); diff != "" {
		t.Error(diff)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"request", "rules", "dump", "get-values", "version"}
	tests := []struct{ word, want string }{
		{"request", "request"}, {"reqeust", "request"}, {"requst", "request"}, {"REQUEST", "request"},
		{"req", "request"}, {"ruels", "rules"}, {"getvalues", "get-values"}, {"get", "get-values"},
		{"dmup", "dump"}, {"d", ""}, {"", ""}, {"frobnicate", ""}, {"send", ""},
	}
	for _, tt := range tests {
		if got := wire.Nearest(tt.word, names); got != tt.want {
			t.Errorf("wire.Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"5", "5s"}, {"0.5", "500ms"}, {"300ms", "300ms"}, {"2m", "2m"}, {"1h", "1h0m"}, {"0", ""}, {"90", "1m30s"},
		{"-1", "?"}, {"-1s", "?"}, {"NaN", "?"}, {"Inf", "?"}, {"1e300", "?"}, {"", "?"}, {"soon", "?"}, {"5 s", "?"},
	}
	for _, tt := range tests {
		var d duration
		got := "?"
		if err := d.Set(tt.in); err == nil {
			got = d.String()
		}
		if got != tt.want {
			t.Errorf("Set(%q) gives %q, want %q", tt.in, got, tt.want)
		}
	}
}

// TestListFlag: values are kept as they are, in order, and once, although the
// library tells a flag's aliases too.
func TestListFlag(t *testing.T) {
	t.Parallel()
	var values list
	app := &cli.App{Name: "x", Commands: []*cli.Command{{
		Name:   "y",
		Flags:  []cli.Flag{&cli.GenericFlag{Name: "param", Aliases: []string{"P", "parameter"}, Value: &values}},
		Action: func(*cli.Context) error { return nil },
	}}}
	if err := app.Run([]string{"x", "y", "--param=A=b,c", "--param=", "--param= d"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list{"A=b,c", "", " d"}, values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFlagsNeedNoRegistration: a flag that is not given is not registered with
// the library, so what it is by default is in its destination from the start.
func TestFlagsNeedNoRegistration(t *testing.T) {
	t.Parallel()
	eachCommand(newTestApp(), func(c *cli.Command) {
		for _, f := range c.Flags {
			switch f := f.(type) {
			case *cli.GenericFlag, *cli.BoolFlag:
			case *cli.StringFlag:
				if f.Value != "" && (f.Destination == nil || *f.Destination != f.Value) {
					t.Errorf("%s --%s: a default belongs into the destination, as of a choice", c.HelpName, f.Name)
				}
			default:
				t.Errorf("%s --%s is a %T, which nothing is known of here", c.HelpName, f.Names()[0], f)
			}
			if b, ok := f.(*cli.BoolFlag); ok && b.Value {
				t.Errorf("%s --%s is true by default", c.HelpName, b.Name)
			}
		}
	})
}
