# SPDX-License-Identifier: MIT
# One line per test: each helper sets the label, the time limit, the environment and the skip code.
#
# A test may say more about itself on a line of its own that contains
#   netlab-test: [timeout=SECONDS] [heavy] [long] [timed] [serial] [host]
# so that adding one touches no CMake file. docs/testing.md says what each word means and when to say it.

# Every test sees these; NETLAB_MUST_WORK=1 (set by the caller of ctest) forbids skipping.
set(NETLAB_TEST_ENV
	"NETLAB=${PROJECT_BINARY_DIR}/netlab"
	"NETLAB_TOP=${PROJECT_SOURCE_DIR}"
	"NETLAB_BUILD=${PROJECT_BINARY_DIR}"
	"NETLAB_PROBE=${PROJECT_BINARY_DIR}/tests/netlab_probe"
	"PYTHONDONTWRITEBYTECODE=1"
	"UBSAN_OPTIONS=print_stacktrace=1")

# netlab_test_properties(<test> LABEL l SOURCE file TIMEOUT seconds)
function(netlab_test_properties test)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "LABEL;SOURCE;TIMEOUT" "")
	set(serial OFF)
	set(processors 1)
	set(cost 1)
	set(labels ${arg_LABEL})
	if(arg_LABEL STREQUAL "integration")
		list(APPEND labels vm)
	endif()
	if(arg_SOURCE)
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${arg_SOURCE}")
		file(STRINGS "${arg_SOURCE}" wish REGEX "netlab-test:" LIMIT_COUNT 1)
		if(wish MATCHES "timeout=([0-9]+)")
			set(arg_TIMEOUT "${CMAKE_MATCH_1}")
		endif()
		if(wish MATCHES "netlab-test:.* heavy")
			set(processors 2)
		endif()
		if(wish MATCHES "netlab-test:.* long")
			set(cost 100) # first, so that none of them is alone at the end
		endif()
		if(wish MATCHES "netlab-test:.* serial")
			set(serial ON)
		endif()
		if(wish MATCHES "netlab-test:.* timed")
			set(processors 3)
			set_property(GLOBAL APPEND PROPERTY NETLAB_TIMED_TESTS ${test})
		elseif(NOT serial AND arg_LABEL STREQUAL "integration")
			set_property(GLOBAL APPEND PROPERTY NETLAB_UNTIMED_TESTS ${test})
		endif()
		if(wish MATCHES "netlab-test:.* host")
			list(REMOVE_ITEM labels vm)
		endif()
	endif()
	set_tests_properties(${test} PROPERTIES
		LABELS "${labels}" TIMEOUT "${arg_TIMEOUT}" SKIP_RETURN_CODE 77
		RUN_SERIAL ${serial} PROCESSORS ${processors} COST ${cost} ENVIRONMENT "${NETLAB_TEST_ENV}"
		WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
endfunction()

# Once all tests are there: those that measure time wait for all that do not, whose work they would measure.
function(netlab_timed_tests_last)
	get_property(timed GLOBAL PROPERTY NETLAB_TIMED_TESTS)
	get_property(others GLOBAL PROPERTY NETLAB_UNTIMED_TESTS)
	set_tests_properties(${timed} PROPERTIES DEPENDS "${others}")
endfunction()

# What a C test links with: the internals, the command line, and tests/support.
function(netlab_test_executable target)
	add_executable(${target} ${ARGN})
	target_link_libraries(${target} PRIVATE netlab_objs netlab_test_support)
	if(TARGET netlab_cli_objs)
		target_link_libraries(${target} PRIVATE netlab_cli_objs)
	endif()
	target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
endfunction()

# netlab_add_unit(NAME x): tests/unit/test_x.c, a cmocka program.
function(netlab_add_unit)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "")
	set(source "${PROJECT_SOURCE_DIR}/tests/unit/test_${arg_NAME}.c")
	netlab_test_executable(unit_${arg_NAME} "${source}")
	target_link_libraries(unit_${arg_NAME} PRIVATE PkgConfig::CMOCKA)
	add_test(NAME unit.${arg_NAME} COMMAND unit_${arg_NAME})
	netlab_test_properties(unit.${arg_NAME} LABEL unit SOURCE "${source}" TIMEOUT 60)
endfunction()

# netlab_add_integration(NAME x SCRIPT file | SOURCES file...): a test of the built program.
function(netlab_add_integration)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SCRIPT" "SOURCES")
	set(test integration.${arg_NAME})
	if(arg_SCRIPT)
		set(source "${arg_SCRIPT}")
		set(interpreter "${NETLAB_BASH}")
		if(arg_SCRIPT MATCHES "\\.py$")
			set(interpreter "${NETLAB_PYTHON}")
		endif()
		add_test(NAME ${test} COMMAND "${interpreter}" "${arg_SCRIPT}")
	else()
		list(GET arg_SOURCES 0 source)
		netlab_test_executable(integration_${arg_NAME} ${arg_SOURCES})
		target_link_libraries(integration_${arg_NAME} PRIVATE PkgConfig::CMOCKA)
		add_test(NAME ${test} COMMAND integration_${arg_NAME})
	endif()
	netlab_test_properties(${test} LABEL integration SOURCE "${source}" TIMEOUT 300)
endfunction()

# netlab_add_integration_as(NAME x WAY user|userns [CASES c...]): tests/integration/test_x.py without root (tests/support/as_user).
function(netlab_add_integration_as)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;WAY" "CASES")
	set(source "${PROJECT_SOURCE_DIR}/tests/integration/test_${arg_NAME}.py")
	set(test integration.${arg_WAY}.${arg_NAME})
	add_test(NAME ${test} COMMAND "${NETLAB_PYTHON}"
		"${PROJECT_SOURCE_DIR}/tests/support/as_user" ${arg_WAY} "${source}" ${arg_CASES})
	netlab_test_properties(${test} LABEL integration SOURCE "${source}" TIMEOUT 300)
	set_tests_properties(${test} PROPERTIES LABELS integration) # users are the same everywhere
endfunction()

# netlab_add_fuzz(NAME x): tests/fuzz/fuzz_x.c. With NETLAB_LIBFUZZER a libFuzzer program
# fuzz_x; otherwise a test that replays every file of tests/fuzz/corpus/x.
function(netlab_add_fuzz)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "")
	set(source "${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_${arg_NAME}.c")
	if(NETLAB_LIBFUZZER)
		netlab_test_executable(fuzz_${arg_NAME} "${source}")
		target_link_options(fuzz_${arg_NAME} PRIVATE -fsanitize=fuzzer)
		return()
	endif()
	netlab_test_executable(fuzz_${arg_NAME} "${source}")
	target_link_libraries(fuzz_${arg_NAME} PRIVATE netlab_fuzz_main)
	add_test(NAME fuzz.${arg_NAME}
		COMMAND fuzz_${arg_NAME} "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${arg_NAME}")
	netlab_test_properties(fuzz.${arg_NAME} LABEL fuzz SOURCE "${source}" TIMEOUT 120)
endfunction()

# netlab_add_meta(NAME x EXPECT regex COMMAND ...): a checker must FAIL on a planted fault,
# saying something that matches the regex (failing for another reason proves nothing).
function(netlab_add_meta)
	cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;EXPECT" "COMMAND")
	add_test(NAME meta.${arg_NAME}
		COMMAND "${NETLAB_BASH}" "${PROJECT_SOURCE_DIR}/tests/meta/expect-failure"
			"${arg_EXPECT}" ${arg_COMMAND})
	netlab_test_properties(meta.${arg_NAME} LABEL meta TIMEOUT 60)
endfunction()
