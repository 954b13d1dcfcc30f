package capture

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fcgiscope/fcgiscope/wire"
)

// dumpTools lists what people print bytes with.
var dumpTools = []string{
	"xxd", "xxd -c 10", "xxd -c 7 -g 3", "xxd -g 0", "xxd -g 8 -c 24", "xxd -u", "xxd -b -c 4", "xxd -b", "xxd -e", "xxd -e -g 2",
	"xxd -e -g 8", "xxd -p", "xxd -p -c 7", "xxd -p -u", "xxd -i", "xxd -i -c 4", "xxd -o 256", "xxd -d", "xxd -a", "xxd -c 100",
	"hexdump", "hexdump -C", "hexdump -b", "hexdump -c", "hexdump -d", "hexdump -o", "hexdump -x", "hexdump -v",
	"od", "od -A x -t x1z -v", "od -A d -t x1", "od -A n -t x1", "od -A o -t x2", "od -A n -v -t x2", "od -t o1", "od -t o2", "od -c",
	"od -A x -c", "od -A n -v -c", "od -t u1", "od -t d1", "od -A n -v -t u1", "od -A n -v -t o1", "od -t x4", "od -t x8", "od -t u2", "od -t d2",
	"od -t d4", "od -b", "od -x", "od -w32 -t x1", "od -w10 -t x2", "od -t x2 --endian=big", "od -t x1z -w7", "od -t x1 -t c",
	"od -A x -t x1 -w24", "od -A n -v -t x1 -w1", "od -s -v", "od -A d -j 0 -o", "base64", "base64 -w 0", "base64 -w 20",
	"basenc --base64url", "basenc --base64url -w 0", "basenc --base16",
}

// needTool skips the test if a program is missing, or fails it where all peers
// have to be there.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	if os.Getenv("FCGISCOPE_PEERS") == "required" {
		t.Fatalf("%s is missing", name)
	}
	t.Skipf("%s is missing", name)
}

// TestDumpTools: what the tools print of bytes is read as these bytes.
func TestDumpTools(t *testing.T) {
	request := readFixture(t, "capture/text/post-small.c2s.bin")
	// A body of zeros makes the tools print * for lines that repeat.
	zeros := wire.NewRecord(wire.TypeStdin, 1, make([]byte, 301)).Append(bytes.Clone(request))
	for name, input := range map[string][]byte{"request": request, "zeros and an odd end": zeros} {
		for _, tool := range dumpTools {
			t.Run(name+"/"+tool, func(t *testing.T) {
				t.Parallel()
				args := strings.Fields(tool)
				needTool(t, args[0])
				if strings.HasPrefix(tool, "od -A n") && !strings.Contains(tool, "-v") {
					args = append(args, "-v")
				}
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Stdin = bytes.NewReader(input)
				dump, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				want := input
				if strings.Contains(tool, "-A n") && !strings.Contains(tool, "1") && !strings.Contains(tool, "-c") && len(input)%2 == 1 {
					want = append(bytes.Clone(input), 0) // it does not tell that half of the last word is filled up
				}
				got, warnings := dumped(t, dump)
				if !bytes.Equal(got, want) || len(warnings) > 0 {
					t.Errorf("got %d bytes, want %d; warnings %q\n%.200s", len(got), len(want), warnings, dump)
				}
			})
		}
	}
}

// dumped returns all the bytes that a dump holds.
func dumped(t *testing.T, dump []byte) (got []byte, warnings []string) {
	t.Helper()
	src, _, err := Open(bytes.NewReader(dump), Options{})
	if err != nil {
		t.Fatal(err)
	}
	chunks, warnings := drain(t, src)
	for _, ch := range chunks {
		got = append(got, ch.Data...)
	}
	return got, warnings
}

// TestPacketTools: what tcpdump and tshark print of captures holds the same
// records as the captures.
func TestPacketTools(t *testing.T) {
	for name, ext := range map[string]string{
		"nginx-php-get": "pcap", "any-sll2-nginx-php": "pcap", "nginx-php-get-v6": "pcapng", "derived-bsd-loopback": "pcap",
		"derived-vlan": "pcap", "nginx-php-concurrent": "pcap", "nginx-go": "pcap",
	} {
		var want oracle
		loadJSON(t, "capture/"+name+".oracle.json", &want)
		file := t.TempDir() + "/" + name
		if err := os.WriteFile(file, readFixture(t, "capture/"+name+"."+ext), 0o600); err != nil {
			t.Fatal(err)
		}
		tools := []string{"tcpdump -n -X -r", "tcpdump -n -XX -r", "tcpdump -n -tttt -X -r", "tcpdump -n -tt -v -X -r", "tcpdump -n -t -xx -r", "tcpdump -n -x -r", "tshark -x -r", "tshark -V -x -r"}
		if len(want.Streams) == 1 {
			for _, form := range []string{"raw", "hex", "yaml"} {
				tools = append(tools, "tshark -q -z follow,tcp,"+form+",0 -r")
			}
		}
		for _, tool := range tools {
			t.Run(name+"/"+tool, func(t *testing.T) {
				t.Parallel()
				args := strings.Fields(tool)
				needTool(t, args[0])
				out, err := exec.Command(args[0], append(args[1:], file)...).Output()
				if err != nil {
					t.Fatal(err)
				}
				src, f, err := Open(bytes.NewReader(out), Options{})
				if err != nil {
					t.Fatalf("%v in\n%.500s", err, out)
				}
				g := decodeSource(t, src, DecodeOptions{})
				compareOracle(t, &want, g)
				if len(g.warnings) > 0 {
					t.Errorf("%s: %.300q", f.Name, g.warnings)
				}
			})
		}
	}
}
