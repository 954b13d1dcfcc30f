# shellcheck shell=bash
# The section dump of scripts/bench.

# capture FILE: nginx to php-fpm, small and large answers, most connections for one request with their ports used again
# and again, the rest kept: about 22,000 connections, 26,000 requests, 200,000 records, 400 MB. Root, for tcpdump.
capture() {
  local dir=$TMPDIR/c fpm tcp root one kept dump
  mkdir "$dir" "$dir/kept"
  fpm=$(scripts/peers start php-fpm --dir "$dir" children=12)
  tcp=$(sed -n 's/^tcp=//p' <<<"$fpm") root=$(sed -n 's/^root=//p' <<<"$fpm")
  one=$(scripts/peers start nginx --dir "$dir" --to "$tcp" "root=$root" | sed -n 's/^http=//p')
  kept=$(scripts/peers start nginx --dir "$dir/kept" --to "$tcp" "root=$root" keep=1 | sed -n 's/^http=//p')
  cat >"$dir/mix.lua" <<'LUA'
-- One answer in eight is large; ends after its share of the requests.
local n = 0
function request()
  n = n + 1
  if n % 8 == 0 then return wrk.format("GET", "/big.php?n=100000") end
  return wrk.format("GET", "/hello.php?n=" .. n)
end
LUA
  tcpdump -i lo -s 0 -B 262144 -U -w "$1" "tcp port ${tcp##*:}" 2>"$dir/tcpdump.log" &
  dump=$!
  until grep -q 'listening on' "$dir/tcpdump.log"; do sleep 0.1; done
  # By size and not by time, so that every machine makes the same.
  until [ "$(stat -c %s "$1")" -gt 330000000 ]; do
    wrk -t 1 -c 6 -d 1s -s "$dir/mix.lua" "$one" >/dev/null
  done
  until [ "$(stat -c %s "$1")" -gt 400000000 ]; do
    wrk -t 1 -c 4 -d 1s -s "$dir/mix.lua" "$kept" >/dev/null
  done
  sleep 1
  kill -INT $dump
  wait $dump || true
  scripts/peers stop nginx --dir "$dir" && scripts/peers stop nginx --dir "$dir/kept"
  scripts/peers stop php-fpm --dir "$dir"
}

# many ROUNDS FILE: a thousand connections at once, on each of which an answer of 1 KB a round comes.
many() {
  awk -v conns=1000 -v rounds="$1" 'BEGIN {
    big = sprintf("%1000s", ""); gsub(/ /, "x", big)
    for (round = 0; round < rounds + 2; round++) {
      print "@at 2026-01-01T00:00:00." sprintf("%09d", round * 1000) "Z"
      for (c = 0; c < conns; c++) {
        print "@conn " c
        if (round == 0) printf "> BEGIN_REQUEST id=1 role=RESPONDER flags=0\n> PARAMS id=1\n    REQUEST_METHOD=GET\n> PARAMS id=1\n> STDIN id=1\n"
        else if (round > rounds) print "< END_REQUEST id=1 appStatus=0 protocolStatus=REQUEST_COMPLETE"
        else printf "< STDOUT id=1 \"%s\"\n", round == 1 ? "Status: 200 OK\\r\\n\\r\\n" : big
      }
    }
  }' | "$TMPDIR/fcgiscope" dump - -f summary --record "$2" >/dev/null
}

dump() {
  section 'dump of a large capture (seconds of the whole process)'
  local file=${FCGISCOPE_CAPTURE-} port summary jsonl rss tcpdump fields json redacted format mb
  if [ -z "$file" ]; then file=$TMPDIR/large.pcap; capture "$file"; fi
  build
  port=$("$TMPDIR/fcgiscope" dump "$file" -f jsonl --limit 1 | sed -n 's/.*"server":"[^"]*:\([0-9]*\)".*/\1/p' | head -n 1)
  summary=$(seconds "$TMPDIR/fcgiscope" dump "$file" -f summary) rss=$(cat "$TMPDIR/rss")
  tcpdump=$(seconds tcpdump -nr "$file" -q)
  fields=$(seconds tshark -r "$file" -d "tcp.port==$port,fcgi" -Y fcgi -T fields -e fcgi.type)
  jsonl=$(seconds "$TMPDIR/fcgiscope" dump "$file" -f jsonl)
  json=$(seconds tshark -r "$file" -d "tcp.port==$port,fcgi" -Y fcgi -T json)
  printf '%s bytes, %s records\n' "$(stat -c %s "$file")" \
    "$("$TMPDIR/fcgiscope" dump "$file" -f jsonl --events record | grep -c '"event":"record"')"
  figure 'dump -f summary (tcpdump -nr -q)' "$summary" "$tcpdump" "$(ratio "$tcpdump" "$summary")" '>= 1.5 x its speed'
  figure 'dump -f summary (tshark -T fields)' "$summary" "$fields" "$(ratio "$fields" "$summary")" '>= 15 x its speed'
  figure 'dump -f jsonl (tshark -T json)' "$jsonl" "$json" "$(ratio "$json" "$jsonl")" '>= 10 x its speed'
  figure 'memory of dump -f summary (MB)' "$rss" 64 "$(ratio "$rss" 64)" '<= 64 MB'
  redacted=$(seconds "$TMPDIR/fcgiscope" dump "$file" -f summary --redact)
  figure 'dump -f summary --redact (without)' "$redacted" "$summary" "$(ratio "$redacted" "$summary")" '-'
  redacted=$(seconds "$TMPDIR/fcgiscope" dump "$file" -f jsonl --redact)
  figure 'dump -f jsonl --redact (without)' "$redacted" "$jsonl" "$(ratio "$redacted" "$jsonl")" '-'
  many 100 "$TMPDIR/many-100.pcapng"
  many 300 "$TMPDIR/many-300.pcapng"
  for format in summary jsonl requests; do
    for mb in 100 300; do
      seconds "$TMPDIR/fcgiscope" dump "$TMPDIR/many-$mb.pcapng" -f $format >/dev/null
      rss=$(cat "$TMPDIR/rss")
      figure "memory of dump -f $format, 1,000 connections, $mb MB (MB)" "$rss" 64 "$(ratio "$rss" 64)" '<= 64 MB'
    done
  done
}
