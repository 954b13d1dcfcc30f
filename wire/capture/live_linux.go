package capture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// The ring that the kernel puts packets in, and how long it may hold back those
// of a block that is not full. See packet_mmap.rst in the kernel's documentation.
const (
	ringBlock  = 1 << 20 // bytes; a packet of any size fits in
	ringBlocks = 16
	ringFrame  = 2048 // means nothing in version 3, but has to divide a block
	ringHold   = 10 * time.Millisecond
)

// liveGrace is how long, after the end, the last block is waited for. The
// kernel looks at it every ringHold, and gives it away the second time.
const liveGrace = 4 * ringHold

// Of linux/if_packet.h.
const (
	packetVersion    = 10 // socket option
	tpacketV3        = 2
	statusUser       = 1 // the block belongs to the reader
	blockStatus      = 8 // places in a block
	blockPackets     = 12
	blockFirst       = 16
	packetNext       = 0 // places in a packet's header
	packetSec        = 4
	packetNsec       = 8
	packetLen        = 12
	packetMac        = 24
	packetProtocol   = 48 + 2 // in the sockaddr_ll behind it
	packetHeaderSize = 48 + 20
)

// A ringReader reads packets from a packet socket (AF_PACKET) without a system
// call for each.
type ringReader struct {
	ctx      context.Context
	name     string
	waiting  func()
	file     *os.File
	raw      syscall.RawConn
	stop     func() bool
	ring     []byte
	block    int    // that is read, or due
	taken    bool   // it is read
	left     uint32 // packets of it
	pos      int    // of the next one in ring
	leftover int    // blocks that are read after the end
	frame    int
	drops    int64
	err      error // of the interface
}

func openLive(ctx context.Context, name string, o LiveOptions) (liveReader, error) {
	index, err := interfaceIndex(name)
	if err != nil {
		return nil, err
	}
	// Packets begin with the IP header, whatever the interface. Nothing comes
	// before it is bound.
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, &PrivilegeError{Capability: "CAP_NET_RAW", Err: err}
	case err != nil:
		return nil, fmt.Errorf("capture: interface %s: %w", name, os.NewSyscallError("socket", err))
	}
	r := &ringReader{ctx: ctx, name: name, waiting: o.Waiting, file: os.NewFile(uintptr(fd), name), leftover: ringBlocks}
	if err := r.setUp(fd, index, o.Ports); err != nil {
		r.close()
		return nil, fmt.Errorf("capture: interface %s: %w", name, err)
	}
	r.stop = context.AfterFunc(ctx, func() { r.file.SetReadDeadline(time.Now().Add(liveGrace)) })
	return r, nil
}

// interfaceIndex returns the number of an interface, 0 for all.
func interfaceIndex(name string) (int, error) {
	if name == AnyInterface {
		return 0, nil
	}
	found, err := net.InterfaceByName(name)
	if err == nil {
		return found.Index, nil
	}
	names := []string{AnyInterface}
	if all, err := net.Interfaces(); err == nil {
		for _, i := range all {
			names = append(names, i.Name)
		}
	}
	return 0, fmt.Errorf("capture: no interface %q: there are %s", name, strings.Join(names, ", "))
}

func (r *ringReader) setUp(fd, index int, ports []uint16) (err error) {
	r.raw, err = r.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.SOL_PACKET, packetVersion, tpacketV3); err != nil {
		return os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	//lint:ignore SA1019 what replaces it is outside the standard library, which is all that this package uses
	if err := syscall.AttachLsf(fd, liveFilter(ports)); err != nil {
		return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	var ring []byte // a struct tpacket_req3
	for _, v := range []uint32{ringBlock, ringBlocks, ringFrame, ringBlock / ringFrame * ringBlocks, uint32(ringHold / time.Millisecond), 0, 0} {
		ring = binary.NativeEndian.AppendUint32(ring, v)
	}
	if err := syscall.SetsockoptString(fd, syscall.SOL_PACKET, syscall.PACKET_RX_RING, string(ring)); err != nil {
		return os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	if r.ring, err = syscall.Mmap(fd, 0, ringBlock*ringBlocks, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, syscall.ETH_P_ALL))
	return os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrLinklayer{Protocol: all, Ifindex: index}))
}

// next implements packetReader.
func (r *ringReader) next(p *packet) error {
	for {
		for r.left > 0 {
			if r.packet(p) {
				return nil
			}
		}
		r.release()
		if err := r.take(); err != nil {
			return err
		}
	}
}

// packet reads a packet of the block. It reports false for what is no IP.
func (r *ringReader) packet(p *packet) bool {
	at := r.pos
	h := r.ring[at : at+packetHeaderSize]
	r.left--
	r.pos += int(binary.NativeEndian.Uint32(h[packetNext:]))
	r.frame++
	start := at + int(binary.NativeEndian.Uint16(h[packetMac:]))
	end := start + int(binary.NativeEndian.Uint32(h[packetLen:]))
	p.link, p.frame = linkRaw, r.frame
	p.at = time.Unix(int64(binary.NativeEndian.Uint32(h[packetSec:])), int64(binary.NativeEndian.Uint32(h[packetNsec:]))).UTC()
	p.data = tagged(binary.BigEndian.Uint16(h[packetProtocol:]), r.ring[start:end:end])
	return p.data != nil
}

// take waits for the next block.
func (r *ringReader) take() error {
	if !r.ready() {
		if err := r.wait(); err != nil {
			return err
		}
	}
	if r.ctx.Err() != nil {
		// What was there at the end is read, and not what still comes.
		if r.leftover--; r.leftover < 0 {
			return io.EOF
		}
	}
	b := r.ring[r.block*ringBlock:]
	r.taken = true
	r.left = binary.NativeEndian.Uint32(b[blockPackets:])
	r.pos = r.block*ringBlock + int(binary.NativeEndian.Uint32(b[blockFirst:]))
	return nil
}

// wait returns when the block is ready, or nothing more will come.
func (r *ringReader) wait() error {
	if r.err != nil {
		return io.EOF
	}
	if r.waiting != nil {
		r.waiting()
	}
	err := r.raw.Read(func(fd uintptr) bool {
		if r.ready() {
			return true
		}
		if errno, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR); err == nil && errno != 0 {
			r.err = syscall.Errno(errno)
		}
		return r.err != nil
	})
	switch {
	case r.ready():
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return io.EOF
	case err != nil:
		return fmt.Errorf("capture: interface %s: %w", r.name, err)
	}
	return &InputError{Where: "interface " + r.name, Err: r.err}
}

// status is what the kernel and the reader tell each other in a block.
func (r *ringReader) status() *uint32 {
	return (*uint32)(unsafe.Pointer(&r.ring[r.block*ringBlock+blockStatus]))
}

func (r *ringReader) ready() bool { return atomic.LoadUint32(r.status())&statusUser != 0 }

// release gives the block that was read back.
func (r *ringReader) release() {
	if r.taken {
		atomic.StoreUint32(r.status(), 0)
		r.block = (r.block + 1) % ringBlocks
		r.taken = false
	}
}

// dropped implements liveReader. The kernel begins to count anew each time.
func (r *ringReader) dropped() (int64, error) {
	var got *syscall.IPMreq
	var err error
	controlErr := r.raw.Control(func(fd uintptr) {
		// A struct tpacket_stats has the eight bytes of an IPMreq, of which the
		// second four are the packets that were dropped.
		got, err = syscall.GetsockoptIPMreq(int(fd), syscall.SOL_PACKET, syscall.PACKET_STATISTICS)
	})
	if err = errors.Join(controlErr, os.NewSyscallError("getsockopt PACKET_STATISTICS", err)); err != nil {
		return r.drops, fmt.Errorf("capture: interface %s: %w", r.name, err)
	}
	r.drops += int64(binary.NativeEndian.Uint32(got.Interface[:]))
	return r.drops, nil
}

func (r *ringReader) close() error {
	if r.stop != nil {
		r.stop()
	}
	err := r.file.Close()
	if r.ring != nil {
		err = errors.Join(err, syscall.Munmap(r.ring))
		r.ring = nil
	}
	return err
}
