# shellcheck shell=bash
# The section replay of scripts/bench.

# replay: requests on a kept connection (Unix socket), planned and compared, beside package client that sends the same ones
# and reads the answers; then the whole command, which reads a capture of 200 of them and prints a line for each request.
replay() {
  section 'replay, as fast as it goes (requests/s, one kept connection)'
  gobench ./wire/replay '^(BenchmarkClient|BenchmarkReplay)$'
  local ours peer s=$TMPDIR f=$TMPDIR/fcgiscope pid
  ours=$(persecond Replay) peer=$(persecond Client)
  figure 'package replay (wire/client alone)' "$ours" "$peer" "$(ratio "$ours" "$peer")" '>= 0.8 x its requests/s'
  build
  "$f" serve hello --listen "$s/replay.s" -s & pid=$!
  until [ -S "$s/replay.s" ]; do sleep 0.05; done
  sed -i '/^Client /d' "$TMPDIR/results"
  BENCH_SOCKET=$s/replay.s gobench ./wire/replay '^BenchmarkClient$'
  peer=$(persecond Client)
  "$f" request "$s/replay.s" /hello.php --repeat 200 --keep-conn --record "$s/replay.pcapng" -o /dev/null 2>/dev/null
  for _ in 1 2 3; do
    "$f" replay "$s/replay.pcapng" "$s/replay.s" --loop "${REPLAY_LOOPS:-200}" 2>&1 >"$s/replay.out" | sed -n 's/.*, \([0-9]*\) requests\/s$/\1/p'
  done | sort -g >"$s/replay.rates"
  ours=$(sed -n 2p "$s/replay.rates")
  figure 'the command, a line each, to serve hello (wire/client)' "$ours" "$peer" "$(ratio "$ours" "$peer")" '>= 0.8 x its requests/s'
  kill -INT "$pid"
  wait "$pid" || true
}
# persecond NAME: what a benchmark does in a second.
persecond() { awk -v ns="$(of "$1" 2)" 'BEGIN { printf "%.0f", 1e9 / ns }'; }
