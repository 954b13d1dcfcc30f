package flow_test

import (
	"fmt"
	"time"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
)

// What is wrong with a conversation, and how its requests ended. Bytes may come
// in pieces of any size.
func ExampleConn() {
	var toApp, toServer []byte
	toApp = wire.BeginRecord(1, wire.Responder, 0).Append(toApp)
	params := wire.NewPair("REQUEST_METHOD", "POST").Append(nil)
	params = wire.NewPair("CONTENT_LENGTH", "5").Append(params)
	toApp = wire.NewRecord(wire.TypeParams, 1, params).Append(toApp)
	toApp = wire.NewRecord(wire.TypeParams, 1, nil).Append(toApp)
	toApp = wire.NewRecord(wire.TypeStdin, 1, []byte("abc")).Append(toApp)
	toApp = wire.NewRecord(wire.TypeStdin, 1, nil).Append(toApp)
	toServer = wire.NewRecord(wire.TypeStdout, 1, []byte("Status: 400 Bad Request\r\n\r\n")).Append(toServer)
	toServer = wire.NewRecord(wire.TypeStdout, 1, nil).Append(toServer)
	toServer = wire.EndRecord(1, 0, wire.RequestComplete).Append(toServer)

	var conn flow.Conn
	tell := func(e *flow.Event) {
		switch e.Kind {
		case flow.KindFinding:
			fmt.Printf("%v %v at offset %d: %s\n", e.Finding.Rule.Rule().Level, e.Finding.Rule, e.Offset, e.Finding.Detail)
		case flow.KindRequestEnded:
			fmt.Printf("%s request %d: status %d, %v\n", e.Request.Method, e.Request.ID, e.Request.Status, e.Request.ProtocolStatus)
		}
	}
	conn.Feed(wire.ToApp, time.Now(), toApp, tell)
	conn.Feed(wire.ToServer, time.Now(), toServer, tell)
	conn.Close(time.Now(), flow.CloseByApp, nil, tell)
	// Output:
	// must stdin-length at offset 80: STDIN has 3 bytes, CONTENT_LENGTH is 5
	// POST request 1: status 400, REQUEST_COMPLETE
}
