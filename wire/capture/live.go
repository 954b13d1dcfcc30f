package capture

import (
	"context"
	"fmt"
)

// AnyInterface is the name that OpenLive takes for all interfaces at once.
const AnyInterface = "any"

// LiveOptions say what OpenLive captures. The zero value is all TCP.
type LiveOptions struct {
	// Ports: only what comes from or goes to one of these TCP ports.
	Ports []uint16
	// Waiting, if it is not nil, is called by Next when all that has come was
	// passed on, before it waits for more.
	Waiting func()
}

// A PrivilegeError says that the system does not let this process capture.
type PrivilegeError struct {
	Capability string // the one that is needed, such as "CAP_NET_RAW"
	Err        error
}

// Error says what is wrong, and where.
func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("capture: capturing needs %s: %v", e.Capability, e.Err)
}

// Unwrap returns what the system says.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// A Live is a Source of what passes a network interface.
type Live struct {
	packets *packetSource
	in      liveReader
}

// A liveReader reads the packets of an interface.
type liveReader interface {
	packetReader
	dropped() (int64, error)
	close() error
}

// OpenLive captures the TCP packets that pass a network interface from now on,
// in both directions. It ends with io.EOF when ctx does, after what came until
// then; or when the interface goes down, which is an *InputError. It does not
// make the interface promiscuous. Errors: a *PrivilegeError, or that there is
// no such interface, or that this is not Linux.
func OpenLive(ctx context.Context, iface string, o LiveOptions) (*Live, error) {
	in, err := openLive(ctx, iface, o)
	if err != nil {
		return nil, err
	}
	return &Live{packets: newPacketSource(in), in: in}, nil
}

// Next implements Source.
func (l *Live) Next() (Chunk, error) { return l.packets.Next() }

// Dropped returns how many packets the system had no room for since the
// beginning: they came faster than they were read. It is not to be called after
// Close.
func (l *Live) Dropped() (int64, error) { return l.in.dropped() }

// Close implements Source.
func (l *Live) Close() error { return l.in.close() }
