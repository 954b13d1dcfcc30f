package server

import (
	"context"
	"fmt"
)

// Mux returns a handler that chooses one of a table by SCRIPT_FILENAME, and
// where that is not in it by SCRIPT_NAME. A request for none of them is
// answered with 404. The table is not to be changed afterwards.
func Mux(table map[string]Handler) Handler {
	return func(ctx context.Context, x *Exchange) {
		for _, name := range []string{"SCRIPT_FILENAME", "SCRIPT_NAME"} {
			if h := table[x.Param(name)]; h != nil {
				h(ctx, x)
				return
			}
		}
		x.Respond(404, fmt.Sprintf("no function for SCRIPT_FILENAME %q, SCRIPT_NAME %q", x.Param("SCRIPT_FILENAME"), x.Param("SCRIPT_NAME")))
	}
}
