# shellcheck shell=bash
# The section start of scripts/bench.

start() {
  section 'start-up of the whole process (static build; median of hyperfine, ms)'
  build
  mkdir "$TMPDIR/p"
  local fpm sock
  fpm=$(scripts/peers start php-fpm --dir "$TMPDIR/p")
  sock=$(sed -n 's/^unix=//p' <<<"$fpm")
  hyperfine -N --warmup 20 --runs 300 --export-csv "$TMPDIR/start.csv" \
    "$TMPDIR/fcgiscope version" \
    "$TMPDIR/fcgiscope request $sock /ping" \
    "env -i REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping cgi-fcgi -bind -connect $sock" \
    "env -i true" >/dev/null 2>&1
  scripts/peers stop php-fpm --dir "$TMPDIR/p"
  # Columns of the export: command, mean, stddev, median, ...
  median() { awk -F, -v n="$1" 'NR == n + 1 { printf "%.2f", $4 * 1000 }' "$TMPDIR/start.csv"; }
  local cgi
  # cgi-fcgi takes its parameters from the environment; what env itself costs is taken off.
  cgi=$(awk -v a="$(median 3)" -v b="$(median 4)" -v t="$(true_ms)" 'BEGIN { printf "%.2f", a - (b - t) }')
  figure 'fcgiscope version' "$(median 1)" "$cgi" "$(ratio "$(median 1)" "$cgi")" '(peer: cgi-fcgi /ping)'
  figure 'fcgiscope request unix:… /ping' "$(median 2)" "$cgi" "$(ratio "$(median 2)" "$cgi")" '<= 2.5 x cgi-fcgi /ping'
  printf 'package initialisation, the largest (ms):\n'
  GODEBUG=inittrace=1 "$TMPDIR/fcgiscope" version 2>&1 >/dev/null |
    awk '$1 == "init" { print $5, $2 }' | sort -rg | head -n 5 | sed 's/^/  /'
  printf 'binary: %s bytes\n' "$(stat -c %s "$TMPDIR/fcgiscope")"
}
true_ms() {
  hyperfine -N --warmup 20 --runs 200 --export-csv "$TMPDIR/true.csv" true >/dev/null 2>&1
  awk -F, 'NR == 2 { printf "%.2f", $4 * 1000 }' "$TMPDIR/true.csv"
}
