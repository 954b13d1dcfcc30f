package commands

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire/diagnose"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// diagnosing returns a sink that says on stderr, of each request that failed,
// what is likely to have gone wrong, and by which rule. That is known when its connection ends.
func diagnosing(env *Env) pretty.Sink {
	return diagnose.NewCollector(func(conn *flow.ConnInfo, f *diagnose.Facts) {
		verdicts := diagnose.Diagnose(f)
		if len(verdicts) == 0 || verdicts[0].Class == diagnose.Caution || verdicts[0].Confidence < diagnose.Likely {
			return
		}
		v := verdicts[0]
		method, _ := f.Param("REQUEST_METHOD")
		uri, _ := f.Param("REQUEST_URI")
		complain(env, fmt.Sprintf("%d/%d %s %s: %s %s: %s", conn.N, f.Request.ID, method, pretty.Quote(uri, 200), v.ID, v.Key, v.Cause))
	})
}
