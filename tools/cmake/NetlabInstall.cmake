# SPDX-License-Identifier: MIT
# What 'cmake --install' puts where.

# Relative to the file itself: 'cmake --install --prefix' may put the tree elsewhere, and it may be moved.
file(RELATIVE_PATH NETLAB_PC_TO_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH NETLAB_PC_LIBDIR "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
file(RELATIVE_PATH NETLAB_PC_INCLUDEDIR "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file(netlab.pc.in netlab.pc @ONLY)

if(TARGET netlab)
	install(TARGETS netlab RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(TARGETS netlab_shared netlab_static
	LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
	ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY include/netlab "${PROJECT_BINARY_DIR}/include/netlab"
	DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/netlab.pc"
	DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

foreach(section 1 5)
	file(GLOB pages CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/man/*.${section}")
	if(pages)
		install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
	endif()
endforeach()

if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/topologies")
	install(DIRECTORY topologies/ DESTINATION "${CMAKE_INSTALL_DATADIR}/netlab/topologies"
		FILES_MATCHING PATTERN "*.json" PATTERN "*.trace" PATTERN "*.md")
endif()
