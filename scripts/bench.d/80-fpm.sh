# shellcheck shell=bash
# The section fpm of scripts/bench.

fpm() {
  section 'php-fpm probes, the whole process (static build; median of hyperfine, ms)'
  build
  mkdir "$TMPDIR/fpm"
  local sock ping check full
  sock=$(scripts/peers start php-fpm --dir "$TMPDIR/fpm" | sed -n 's/^unix=//p')
  hyperfine -N --warmup 20 --runs 300 --export-csv "$TMPDIR/fpm.csv" \
    "$TMPDIR/fcgiscope fpm ping $sock" \
    "$TMPDIR/fcgiscope fpm check $sock --listen-queue 10 --min-total-processes 1" \
    "$TMPDIR/fcgiscope fpm status $sock --full" >/dev/null 2>&1
  scripts/peers stop php-fpm --dir "$TMPDIR/fpm"
  read -r ping check full < <(awk -F, 'NR > 1 { printf "%.2f ", $4 * 1000 } END { print "" }' "$TMPDIR/fpm.csv")
  figure 'fpm check (peer: fpm ping)' "$check" "$ping" "$(ratio "$check" "$ping")" '<= 5 ms more than the ping'
  figure 'fpm status --full' "$full" "$ping" "$(ratio "$full" "$ping")" ''
}
