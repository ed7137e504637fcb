# SPDX-License-Identifier: MIT
# The INTERFACE target netlab_flags: how every file of the project is compiled and linked.
# CMAKE_C_FLAGS stays the user's.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

add_library(netlab_flags INTERFACE)
target_compile_definitions(netlab_flags INTERFACE _GNU_SOURCE)
target_compile_options(netlab_flags INTERFACE
	-Wall -Wextra -Wpedantic -Wshadow -Wformat=2 -Wswitch-enum -Wundef -Wvla
	-Wstrict-prototypes -Wmissing-prototypes
	# Doxygen's parameter names are those of the signature.
	$<$<C_COMPILER_ID:Clang>:-Wdocumentation>
	# The kernel's own structs (tc_u32_sel and its keys) are meant to be used this way.
	$<$<C_COMPILER_ID:Clang>:-Wno-gnu-variable-sized-type-not-at-end>
	-fno-common -fno-strict-aliasing
	# Assertions stay on in every build: they guard kernel state, and cost nothing measurable.
	-UNDEBUG)
# Every library that is loaded costs a millisecond share of 'netlab run'.
target_link_options(netlab_flags INTERFACE LINKER:--as-needed)

if(CMAKE_BUILD_TYPE STREQUAL "Debug")
	target_compile_options(netlab_flags INTERFACE -O1 -g -fno-omit-frame-pointer)
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
	# Sections, so that the linker leaves out what nothing calls.
	target_compile_options(netlab_flags INTERFACE -O2 -g -ffunction-sections -fdata-sections)
	target_link_options(netlab_flags INTERFACE LINKER:--gc-sections)
endif()

if(NETLAB_WERROR)
	target_compile_options(netlab_flags INTERFACE -Werror)
endif()

if(NETLAB_HARDEN)
	target_compile_options(netlab_flags INTERFACE
		-fstack-protector-strong -fstack-clash-protection
		-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
	if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
		target_compile_options(netlab_flags INTERFACE -fcf-protection)
	endif()
	target_link_options(netlab_flags INTERFACE LINKER:-z,relro,-z,now LINKER:-z,noexecstack)
endif()

if(NETLAB_LIBFUZZER)
	if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
		message(FATAL_ERROR "NETLAB_LIBFUZZER needs clang, not '${CMAKE_C_COMPILER_ID}': "
			"use the preset 'fuzz' or -DCMAKE_C_COMPILER=clang")
	endif()
	target_compile_options(netlab_flags INTERFACE -fsanitize=fuzzer-no-link)
	target_link_options(netlab_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(NETLAB_SANITIZE)
	# An undefined-behaviour report must end the test: it is printed and forgotten otherwise.
	target_compile_options(netlab_flags INTERFACE
		-fsanitize=${NETLAB_SANITIZE} -fno-sanitize-recover=all)
	target_link_options(netlab_flags INTERFACE -fsanitize=${NETLAB_SANITIZE})
endif()

if(NETLAB_COVERAGE)
	target_compile_options(netlab_flags INTERFACE --coverage -O0)
	target_link_options(netlab_flags INTERFACE --coverage)
endif()
