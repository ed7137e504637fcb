# SPDX-License-Identifier: MIT
# netlab_link_static(TARGET): the program carries its libraries, all but libc's own. Each one that is loaded is mapped, relocated
# and bound at every start, and its mappings are copied by every clone and taken down by every exit.
#
# The archives come first on the command line and resolve what is needed; the shared libraries that TARGET is linked with as well
# have nothing left to give, and --as-needed drops them. A library without an archive is loaded as usual.
function(netlab_link_static target)
	set(archives)
	# those before that need those behind
	foreach(library nl-route-3 nl-3 jansson cap seccomp)
		find_library(NETLAB_ARCHIVE_${library} NAMES lib${library}.a
			HINTS ${LIBNL_LIBRARY_DIRS} ${JANSSON_LIBRARY_DIRS} ${CAP_LIBRARY_DIRS} ${SECCOMP_LIBRARY_DIRS})
		mark_as_advanced(NETLAB_ARCHIVE_${library})
		if(NETLAB_ARCHIVE_${library})
			list(APPEND archives "${NETLAB_ARCHIVE_${library}}")
		else()
			message(STATUS "no lib${library}.a: '${target}' loads lib${library}.so, and starts more slowly")
		endif()
	endforeach()
	target_link_libraries(${target} PRIVATE ${archives})
endfunction()
