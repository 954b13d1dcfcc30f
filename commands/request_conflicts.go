package commands

// conflicts are flags of request that cannot be meant together: what is wrong,
// and what was likely meant.
var conflicts = []struct {
	is         func(o *paramOptions) bool
	what, hint string
}{
	{func(o *paramOptions) bool { return o.dataFile != "" && o.role.word != "filter" },
		"--data-file is for --role filter", "for a request body: --data-binary @FILE"},
	{func(o *paramOptions) bool { return o.dataFile == "" && o.role.word == "filter" },
		"--role filter needs --data-file, the file to be filtered", ""},
	{func(o *paramOptions) bool { return o.role.word == "authorizer" && o.body.method() != "" },
		"a body with --role authorizer: an authorizer gets none", "-G puts what -d says into the URL"},
	{func(o *paramOptions) bool { return len(o.body.data) > 0 && len(o.body.forms) > 0 },
		"-d and -F make two bodies", "a field of a multipart body: -F NAME=VALUE"},
	{func(o *paramOptions) bool {
		return o.body.upload != "" && (len(o.body.data) > 0 || len(o.body.forms) > 0)
	}, "-T and -d or -F make two bodies", "a file as the body of a POST: --data-binary @FILE"},
	{func(o *paramOptions) bool { return o.body.get && len(o.body.forms) > 0 },
		"-G puts -d into the URL, and -F makes a body", "NAME=VALUE for the URL: --data-urlencode"},
	{func(o *paramOptions) bool { return o.body.get && o.body.upload != "" },
		"-G asks with GET, and -T sends a file with PUT", ""},
	{func(o *paramOptions) bool { return o.index != "" && o.script != "" },
		"--script runs one script for every URL, and --index for those that name none", "--index NAME is below --root; --script FILE needs no root"},
}

// contradictions returns an error if there are such flags.
func (o *paramOptions) contradictions() error {
	for _, c := range conflicts {
		if c.is(o) {
			return withHint(usagef("request: %s", c.what), c.hint)
		}
	}
	return nil
}
