# shellcheck shell=bash
# The section server of scripts/bench.

server() {
  section 'client and server'
  : >"$TMPDIR/results"
  BENCHTIME=1s gobench ./wire/client '^Benchmark(PingPong|Request|RequestNetHTTP)$'
  BENCHTIME=2s gobench ./wire/server '^Benchmark(Server64|NetHTTP64|IdleConns)$'
  figure 'request of 20 params, 1 KiB answer, kept (ns; ping-pong)' "$(of Request 2)" "$(of PingPong 2)" "$(ratio "$(of Request 2)" "$(of PingPong 2)")" '<= 3 x ping-pong'
  figure '  the same client to net/http/fcgi (ns; ping-pong)' "$(of RequestNetHTTP 2)" "$(of PingPong 2)" "$(ratio "$(of RequestNetHTTP 2)" "$(of PingPong 2)")" '(reported beside it)'
  figure 'server, 64 clients (ns a request; net/http/fcgi)' "$(of Server64 2)" "$(of NetHTTP64 2)" "$(ratio "$(of NetHTTP64 2)" "$(of Server64 2)")" '>= 3 x its requests/s'
  figure '10,000 idle kept connections (bytes each)' "$(of IdleConns 6)" 20480 "$(ratio "$(of IdleConns 6)" 20480)" '<= 20 KiB'
}
