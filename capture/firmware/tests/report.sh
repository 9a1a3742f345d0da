# What passed, what failed, and the table of all that was run.
# shellcheck shell=bash

passed=0
failed=0
# "scene|machine|sink" of each crash that was opened and checked.
ran=()

pass() { passed=$((passed + 1)); echo "ok      $1"; }
fail() { failed=$((failed + 1)); echo "FAILED  $1: $2"; }

# check NAME COMMAND...: passes if the command does.
check() {
  local name=$1
  shift
  if "$@" >/dev/null; then pass "$name"; else fail "$name" "$*"; fi
}

# matrix: scene x machine, each cell the sinks through which that crash came out and was opened
# by plain GDB and by coroner.
matrix() {
  printf '%s\n' "${ran[@]}" | awk -F'|' '
    { if (!($1 in scenes)) { scenes[$1]; scene[++s] = $1 }
      if (!($2 in machines)) { machines[$2]; machine[++m] = $2 }
      if (!(($1, $2, $3) in seen)) { seen[$1, $2, $3]; cell[$1, $2] = cell[$1, $2] (($1, $2) in cell && cell[$1, $2] != "" ? " " : "") $3 } }
    END {
      for (i = 1; i <= s; i++) if (length(scene[i]) > left) left = length(scene[i])
      for (j = 1; j <= m; j++) {
        width[j] = length(machine[j])
        for (i = 1; i <= s; i++) if (length(cell[scene[i], machine[j]]) > width[j]) width[j] = length(cell[scene[i], machine[j]])
      }
      # As many machines side by side as a line has room for.
      for (first = 1; first <= m; first = last + 1) {
        line = left; last = first - 1
        while (last < m && (last < first || line + 2 + width[last + 1] <= 150)) line += 2 + width[++last]
        printf "\n%-" left "s", ""
        for (j = first; j <= last; j++) printf "  %-" width[j] "s", machine[j]
        printf "\n"
        for (i = 1; i <= s; i++) {
          any = 0
          for (j = first; j <= last; j++) if (cell[scene[i], machine[j]] != "") any = 1
          if (!any) continue
          printf "%-" left "s", scene[i]
          for (j = first; j <= last; j++) printf "  %-" width[j] "s", cell[scene[i], machine[j]]
          printf "\n"
        }
      }
      printf "\nEach entry is a sink: the crash really happened, came out that way, and was opened by plain GDB and by coroner.\n" }'
}
