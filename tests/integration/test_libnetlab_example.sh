#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The example projects as somebody outside would use them: against an installed netlab, found by pkg-config; side by
# side; failing as they should. netlab-test: timeout=600 host
set -euo pipefail
top=$NETLAB_TOP
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail()
{
	echo "test_libnetlab_example: $*" >&2
	exit 1
}

root=$scratch/root
DESTDIR=$root cmake --install "$NETLAB_BUILD" >/dev/null
libdir=$(dirname "$(find "$root" -name libnetlab.so)")
export PKG_CONFIG_PATH=$libdir/pkgconfig LD_LIBRARY_PATH=$libdir
# a state directory of its own for what has no option for one
export XDG_RUNTIME_DIR=$scratch NETLAB_STATE_DIR=$scratch/state

cmake -S "$top/examples/cmocka" -B "$scratch/build" -DCMAKE_C_FLAGS="-Wall -Wextra -Werror" >/dev/null
cmake --build "$scratch/build" >/dev/null
ctest --test-dir "$scratch/build" -j 4 --output-on-failure >"$scratch/ctest" 2>&1 ||
	fail "the example's tests fail: $(cat "$scratch/ctest")"
grep -q '100% tests passed, 0 tests failed out of 4' "$scratch/ctest" || fail "ctest said: $(cat "$scratch/ctest")"

# A seed is a seed: the same losses by the library as by the environment, and a failing case names it.
sed 's/"dropped_loss", 15, 75/"dropped_loss", 200, 200/' "$top/examples/cmocka/test_echo.c" >"$scratch/bad.c"
read -ra flags < <(pkg-config --cflags --libs netlab cmocka)
gcc -Wall -Wextra -Werror -o "$scratch/bad" "$scratch/bad.c" "${flags[@]}"
for _ in 1 2; do
	NETLAB_SEED=77 "$scratch/bad" >"$scratch/said" 2>&1 && fail "what cannot be passed"
	grep -o 'dropped_loss is [0-9]*, not within 200 .. 200' "$scratch/said" ||
		fail "a bound that does not hold is told as: $(cat "$scratch/said")"
	grep -q 'NETLAB_SEED=77$' "$scratch/said" || fail "the seed is not told: $(cat "$scratch/said")"
done | uniq | grep -c . | grep -qx 1 || fail "one seed, two counts"
NETLAB_SEED=7x "$scratch/bad" >"$scratch/said" 2>&1 && fail "a seed that is none is taken"
grep -q "NETLAB_SEED: '7x' is no seed" "$scratch/said" || fail "a seed that is none is told as: $(cat "$scratch/said")"

# Where the host cannot carry a lab the case is skipped, or fails where it must not be.
if ! unshare --net tc qdisc add dev lo root netem 2>/dev/null; then
	sed 's/\\"addressing\\":/\\"engine\\": \\"netem\\", &/; s/\\"server\\"\]}/\\"server\\"], \\"loss\\": \\"1%\\"}/' \
		"$top/examples/cmocka/test_echo.c" >"$scratch/netem.c"
	gcc -o "$scratch/netem" "$scratch/netem.c" "${flags[@]}"
	env -u NETLAB_MUST_WORK "$scratch/netem" >"$scratch/said" 2>&1 || fail "skipping: $(cat "$scratch/said")"
	[ "$(grep -c 'SKIPPED \] test' "$scratch/said")" -ge 6 ] || fail "nothing is skipped: $(cat "$scratch/said")"
	NETLAB_MUST_WORK=1 "$scratch/netem" >"$scratch/said" 2>&1 && fail "skipped although it must work"
fi

# C++
cat >"$scratch/fixture.cc" <<'EOF'
#include <netlab/cmocka.h>
static struct netlab_fixture fixture;
static void test_it(void **state) { netlab_assert_exec(netlab_test_lab(state), "a", "true"); }
int main()
{
	fixture.topology = "{\"name\": \"cxx\", \"nodes\": {\"a\": {}}}";
	const struct CMUnitTest tests[] = { NETLAB_TEST(test_it, &fixture) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
EOF
g++ -Wall -Wextra -Werror -std=c++11 -o "$scratch/cxx" "$scratch/fixture.cc" "${flags[@]}"
"$scratch/cxx" >"$scratch/said" 2>&1 || fail "C++: $(cat "$scratch/said")"

# The same from a shell, several at once.
pids=()
for _ in 1 2 3; do
	"$top/examples/shell/test-echo" >>"$scratch/shell" &
	pids+=($!)
done
for pid in "${pids[@]}"; do
	wait "$pid" || fail "examples/shell/test-echo"
done
[ "$(grep -c 'all is well' "$scratch/shell")" = 3 ] || fail "the shell's example said: $(cat "$scratch/shell")"

left=$("$NETLAB" ls)
[ "$(wc -l <<<"$left")" -le 1 ] || fail "labs are left: $left"
echo "test_libnetlab_example: the examples work"
