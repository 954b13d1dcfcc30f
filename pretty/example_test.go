package pretty_test

import (
	"fmt"
	"os"
	"time"

	"github.com/fcgiscope/fcgiscope/pretty"
	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// Bytes of a connection go into a flow.Conn, its events into a sink.
func Example() {
	format, err := pretty.Lookup("text")
	if err != nil {
		fmt.Println(err)
		return
	}
	sink := format.New(os.Stdout, pretty.Options{Stable: true})
	conn := flow.Conn{Whole: format.NeedsWhole}
	emit := func(e *flow.Event) {
		if err := sink.Event(e); err != nil {
			fmt.Println(err)
		}
	}
	question := wire.NewRecord(wire.TypeGetValues, 0, wire.NewPair(wire.MpxsConns, "").Append(nil))
	conn.Feed(wire.ToApp, time.Time{}, question.Append(nil), emit)
	answer := wire.NewRecord(wire.TypeGetValuesResult, 0, wire.NewPair(wire.MpxsConns, "1").Append(nil))
	conn.Feed(wire.ToServer, time.Time{}, answer.Append(nil), emit)
	conn.Close(time.Time{}, flow.CloseByServer, nil, emit)
	if err := sink.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// @conn 0
	// > GET_VALUES
	//     FCGI_MPXS_CONNS=""
	// < GET_VALUES_RESULT
	//     FCGI_MPXS_CONNS=1
	// > ! fin
}
