# SPDX-License-Identifier: MIT
# UPCALL_TOOL_SOURCES: what the upcall command consists of, besides the client library and one of
# capture.c (a library of its own, upcall_capture) and capture_none.c.

set(UPCALL_TOOL_SOURCES)
foreach(source demo demo_feed demo_monitors demo_report feed feed_sources feeding histogram interrupt
        main message monitor monitor_options monitor_take options packet pcapfile relay_feeder show
        signals)
  list(APPEND UPCALL_TOOL_SOURCES ${CMAKE_CURRENT_LIST_DIR}/${source}.c)
endforeach()
set(UPCALL_TOOL_INCLUDES ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
