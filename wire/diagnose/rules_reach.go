package diagnose

import (
	"strings"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/flow"
	"github.com/fcgiscope/fcgiscope/wire/transport"
)

// This file has the faults because of which a request does not get through.
// The bytes of a request are to be seen in some of them, but never an answer.

func reachRules() []Rule {
	return []Rule{
		{
			ID: "D01", Key: "sock-missing", Class: Unreachable,
			Symptom: "502; the log says connect() to unix:… failed (2: No such file or directory)",
			Wire:    "connecting to {socket} fails: {missing} does not exist",
			Cause:   "there is no socket {socket}: php-fpm does not run, or listens elsewhere (another version's path, another container)",
			Check:   "{siblings}; compare with listen = in the pool's configuration",
			Remedy:  "start the application, or use the path of its listen =; /run is empty after a boot, and is not shared between containers by itself",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.failed(transport.NotFound), f.Addr.Network == "unix")
			},
		},
		{
			ID: "D02", Key: "sock-perm", Class: Unreachable,
			Symptom: "502; the log says connect() to unix:… failed (13: Permission denied)",
			Wire:    "connecting to {socket} is not permitted; we are {self}",
			Cause:   "who connects may not write to {socket}, or not pass a directory above it",
			Check:   "the socket: {mode}; the directories: {closed}; if both permit it, SELinux: ausearch -m avc",
			Remedy:  "set listen.owner, listen.group and listen.mode = 0660 in the pool to the web server's user and group, and restart php-fpm",
			Match:   func(f *Facts) Confidence { return when(Certain, f.failed(transport.Permission)) },
		},
		{
			ID: "D03", Key: "refused", Class: Unreachable,
			Symptom: "502; the log says connect() failed (111: Connection refused)",
			Wire:    "connecting to {addr} is refused",
			Cause:   "nobody listens on {addr}: the application does not run, listens on another address (127.0.0.1 of another container), or a Unix socket's file was left behind",
			Check:   "which addresses are bound: ss -lntp, ss -lxp",
			Remedy:  "start the application; in a container let it listen on 0.0.0.0, and use the name of its service",
			Match:   func(f *Facts) Confidence { return when(Certain, f.failed(transport.Refused)) },
		},
		{
			ID: "D04", Key: "backlog-full", Class: Unreachable,
			Symptom: "502 under load, many at once; the log says connect() to unix:… failed (11: Resource temporarily unavailable)",
			Wire:    "the queue of connections that wait for {addr} is full",
			Cause:   "no worker takes connections, and as many wait as listen.backlog (or net.core.somaxconn) allows",
			Check:   "listen queue and listen queue len of the status page; by the system's tables {waiting} wait",
			Remedy:  "more workers (pm.max_children) or faster scripts; a longer listen.backlog and somaxconn only hide it",
			Match: func(f *Facts) Confidence {
				if f.failed(transport.Timeout) && f.Addr.Network == "tcp" {
					return Possible
				}
				return when(Certain, f.failed(transport.Backlog))
			},
		},
		{
			ID: "D05", Key: "pool-busy", Class: Mute,
			Symptom: "slow, then 504; php-fpm's log says server reached pm.max_children setting, consider raising it",
			Wire:    "connected, the request is written, and no byte comes; ping: {ping}; connections taken: {taken}, waiting: {waiting}",
			Cause:   "every worker is busy with a slow script",
			Check:   "the status page, when a worker is free: active processes, listen queue, slow requests; request_slowlog_timeout shows where scripts wait",
			Remedy:  "find the slow script; raise pm.max_children as far as the memory allows",
			Hint:    "it takes connections but does not answer: all workers may be busy (pm.max_children), or the script is slow",
			Match: func(f *Facts) Confidence {
				switch {
				case !f.silent() || f.badLength() || f.Ping == Good:
					return 0
				case f.Ping == Silent || f.FreeWorker == Bad || f.Waiting > 0:
					return Certain
				}
				return Possible
			},
		},
		{
			ID: "D06", Key: "pool-pinned", Class: Mute,
			Symptom: "as D05, although the processor is idle and the scripts are fast",
			Wire:    "no byte comes, while {pinned} connections to the application are open and idle; taken by the system's tables: {taken}",
			Cause:   "the workers are held by connections on which nothing happens: kept ones (nginx keepalive, Apache enablereuse=on), or clients that got their answer and did not close",
			Check:   "ss -tn or ss -xn: as many established connections as pm.max_children, and no work",
			Remedy:  "keep fewer connections than there are workers, or none; close after END_REQUEST",
			Match: func(f *Facts) Confidence {
				switch {
				case !f.silent() || f.badLength() || f.Ping == Good:
					return 0
				case f.Pinned > 0:
					return Certain
				case f.Ping == Silent || f.Waiting > 0:
					return Possible
				}
				return 0
			},
		},
		{
			ID: "D07", Key: "not-fastcgi", Class: Broken,
			Symptom: "502; the log says upstream sent unsupported FastCGI protocol version: 72",
			Wire:    "{first} {looks}",
			Cause:   "what listens there does not speak FastCGI",
			Check:   "ask it with curl if it looks like HTTP, with openssl s_client if like TLS",
			Remedy:  "use the port of the FastCGI application, or proxy_pass instead of fastcgi_pass",
			Match: func(f *Facts) Confidence {
				return when(Certain, f.Foreign != nil, f.ForeignAt == 0, f.ForeignToApp == nil || wire.Hint(f.Foreign) != "")
			},
		},
		{
			ID: "D08", Key: "http-to-fpm", Class: Broken,
			Symptom: "a browser, or an httpGet probe of Kubernetes, gets an empty answer from port 9000",
			Wire:    "{asked} was sent to the application, and {close}",
			Cause:   "something speaks HTTP to an application that speaks FastCGI",
			Check:   "who connects: its address is in the capture",
			Remedy:  "put a web server in between; probe with fcgiscope request ADDR /ping --fail, or with tcpSocket",
			Match: func(f *Facts) Confidence {
				return when(Certain, strings.Contains(wire.Hint(f.ForeignToApp), "HTTP request"), len(f.Foreign) == 0)
			},
		},
		{
			ID: "D09", Key: "bad-version", Class: Broken,
			Symptom: "502 in the middle of a response; the log says unsupported FastCGI protocol version: 0",
			Wire:    "what the application sent has no record at offset {offset}: {first}",
			Cause:   "the application writes wrong lengths, or from several threads into each other, or on after END_REQUEST",
			Check:   "fcgiscope dump of a capture shows the record before that offset",
			Remedy:  "fix or update the application, or its FastCGI library",
			Match: func(f *Facts) Confidence {
				if _, version := f.Broken[wire.RuleVersion]; version {
					return Certain
				}
				return when(Certain, f.Foreign != nil, f.ForeignAt > 0)
			},
		},
		{
			ID: "D10", Key: "allowed-clients", Class: Broken,
			Symptom: "502 prematurely closed, from one host only",
			Wire:    "connected, and the application closes at once, without a byte, whether it is asked or not",
			Cause:   "listen.allowed_clients of the pool, or FCGI_WEB_SERVER_ADDRS, does not name the address that connects",
			Check:   "php-fpm's log: Connection disallowed: IP address … has been dropped",
			Remedy:  "add the web server's address to listen.allowed_clients",
			Match:   func(f *Facts) Confidence { return when(Certain, f.Greeting == Bad) },
		},
		{
			ID: "D11", Key: "silent-close", Class: Caution,
			Symptom: "502 now and then, on connections that were opened in advance",
			Wire:    "the application closes a connection without a request after {idle}",
			Cause:   "the application waits so long for BEGIN_REQUEST and no longer: php-fpm 5 s, libfcgi 2 s on Unix sockets",
			Check:   "when the web server connects, and when it sends",
			Remedy:  "connect when there is a request, not before",
			Match:   func(f *Facts) Confidence { return when(Certain, f.IdleClosed > 0) },
		},
		{
			ID: "D12", Key: "stale-keepalive", Class: Broken,
			Symptom: "502 now and then with fastcgi_keep_conn on: prematurely closed, or recv() failed (104)",
			Wire:    "a request on a kept connection gets no byte: {close}",
			Cause:   "the worker behind the kept connection ended before: pm.max_requests, request_terminate_timeout, a reload",
			Check:   "it happens on connections that are used again only",
			Remedy:  "retry once what may be sent twice; keepalive_requests below pm.max_requests",
			Match: func(f *Facts) Confidence {
				return when(Likely, f.Reused, f.empty(flow.CloseByApp) || f.empty(flow.ResetByApp))
			},
		},
	}
}

// failed: there is no connection, for that reason.
func (f *Facts) failed(r transport.Reason) bool { return f.Dial != nil && f.Dial.Reason == r }
