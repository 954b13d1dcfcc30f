# shellcheck shell=bash
# The section wire of scripts/bench.

wire() {
  section 'wire: the codec'
  : >"$TMPDIR/results"
  gobench ./wire '^Benchmark(Reader64|Reader8K|Copy8K|Pairs)$'
  figure 'Reader, records of 64 B (ns a record; allocations)' "$(of Reader64 2)" "$(of Reader64 5)" - '<= 15 ns, 0 allocations'
  figure 'Reader, records of 8 KiB (MB/s; copy)' "$(of Reader8K 3)" "$(of Copy8K 3)" "$(ratio "$(of Reader8K 3)" "$(of Copy8K 3)")" '>= 0.6 x copy'
  figure 'ParsePair over nginx PARAMS (MB/s; allocations)' "$(of Pairs 3)" "$(of Pairs 5)" - '>= 1500 MB/s, 0 allocations'
}
