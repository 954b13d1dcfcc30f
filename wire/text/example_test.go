package text_test

import (
	"fmt"
	"os"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/text"
)

func ExampleAppend() {
	os.Stdout.Write(text.Append(nil, wire.ToApp, wire.BeginRecord(1, wire.Responder, wire.KeepConn)))
	params := wire.NewPair("SCRIPT_FILENAME", "/srv/a.php").Append(nil)
	os.Stdout.Write(text.Append(nil, wire.ToApp, wire.NewRecord(wire.TypeParams, 1, params)))
	// Output:
	// > BEGIN_REQUEST id=1 role=RESPONDER flags=KEEP_CONN
	// > PARAMS id=1
	//     SCRIPT_FILENAME="/srv/a.php"
}

func ExampleParse() {
	lines, err := text.Parse([]byte("> begin-request id=1 role=responder\n> STDNI id=1\n"))
	for _, l := range lines {
		fmt.Printf("line %d: %x\n", l.Number, l.AppendWire(nil))
	}
	fmt.Println(err)
	// Output:
	// line 1: 01010001000800000001000000000000
	// text: line 2, column 3: unknown record type "STDNI": did you mean STDIN?
}
