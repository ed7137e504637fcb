#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs that know only what was installed: a consumer of all of libnetlab as C and as C++, with the shared and
# the static library, and the example of docs/library.md with the output that it shows. netlab-test: timeout=900 host
set -euo pipefail
build=$NETLAB_BUILD top=$NETLAB_TOP
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "test_libnetlab: $*" >&2
	exit 1
}

# ---- install, as a packager does ----------------------------------------------------------------

root=$scratch/root
DESTDIR=$root cmake --install "$build" >/dev/null
library=$(find "$root" -name libnetlab.so)
libdir=$(dirname "$library")
export PKG_CONFIG_PATH=$libdir/pkgconfig
read -ra flags < <(pkg-config --cflags --libs netlab)
mapfile -t required < <(pkg-config --print-requires-private netlab)
read -ra private < <(pkg-config --libs "${required[@]}")

# ---- symbols -------------------------------------------------------------------------------------

exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }')
foreign=$(grep -v '^netlab_[a-z_]*@@NETLAB_0\.1$' <<<"$exported" || true)
[ -z "$foreign" ] || fail "libnetlab.so exports what is not its own, or without a version: $foreign"
headers=$(dirname "$(find "$root" -path '*/netlab/lab.h')")
declared=$(sed -n 's/^NETLAB_API .*[ *]\(netlab_[a-z_]*\)(.*/\1/p' "$headers"/*.h | sort)
[ "$(wc -l <<<"$declared")" -gt 30 ] || fail "the installed headers declare only: $declared"
difference=$(diff <(echo "$declared") <(sed 's/@@.*//' <<<"$exported" | sort) || true)
[ -z "$difference" ] || fail "declared (<) and exported (>) differ: $difference"

# ---- the consumer --------------------------------------------------------------------------------

warnings=(-Wall -Wextra -Werror -pthread)
consumer=$top/tests/integration/libnetlab/consumer.c
gcc "${warnings[@]}" -std=gnu11 -o "$scratch/consumer" "$consumer" "${flags[@]}"
g++ "${warnings[@]}" -std=c++11 -x c++ -o "$scratch/consumer++" "$consumer" -x none "${flags[@]}"
gcc "${warnings[@]}" -o "$scratch/consumer-static" "$consumer" -I"$headers/.." \
	"$libdir/libnetlab.a" "${private[@]}" -lm
export LD_LIBRARY_PATH=$libdir
readelf -d "$scratch/consumer" | grep -q 'NEEDED.*libnetlab\.so\.0' || fail "the consumer needs no libnetlab.so.0"
for program in consumer consumer++ consumer-static; do
	state=$scratch/state-$program
	mkdir -m 700 "$state"
	said=$("$scratch/$program" "$state") || fail "$program: $said"
	[ "$said" = "all of it works" ] || fail "$program said: $said"
	left=$(find "$state" -mindepth 1 -not -name '.*')
	[ -z "$left" ] || fail "$program left: $left"
done

# ---- the example of the manual -------------------------------------------------------------------

# The first block of C, and what the block after it shows under its command.
sed -n '/^```c$/,/^```$/p' "$top/docs/library.md" | sed '1d;$d' >"$scratch/cut.c"
[ -s "$scratch/cut.c" ] || fail "docs/library.md has no example"
gcc "${warnings[@]}" -o "$scratch/cut" "$scratch/cut.c" "${flags[@]}"
g++ "${warnings[@]}" -x c++ -o "$scratch/cut++" "$scratch/cut.c" -x none "${flags[@]}"
stable() # times, and the name that the lab has from nobody, differ from run to run
{
	sed -E 's/[0-9.]+( ?ms|\/[0-9./]+ ms)/N ms/g'
}
sed -n '/^\$ cc -o cut/,/^```$/p' "$top/docs/library.md" | sed '1d;$d' | stable >"$scratch/shown"
"$scratch/cut" | stable >"$scratch/printed" || fail "the example of docs/library.md fails"
"$scratch/cut++" >/dev/null || fail "the example of docs/library.md fails as C++"
diff "$scratch/shown" "$scratch/printed" ||
	fail "docs/library.md shows (<) what its example does not print (>)"

echo "test_libnetlab: $(wc -w <<<"$declared") functions, three consumers and the manual's example work"
