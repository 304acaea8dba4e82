# SPDX-License-Identifier: MIT
# What the kit's two libraries consist of; a driver or application compiles them with its own files.
#
#   UPCALL_DRIVER_SOURCES   for drivers        UPCALL_CLIENT_SOURCES   for applications
#   UPCALL_INCLUDES         for both

set(UPCALL_INCLUDES ${PROJECT_SOURCE_DIR}/include)

set(UPCALL_DRIVER_SOURCES)
foreach(source channel dispatch notify pool read security signal subscribe table)
  list(APPEND UPCALL_DRIVER_SOURCES ${PROJECT_SOURCE_DIR}/src/driver/${source}.c)
endforeach()
foreach(source ring_producer ring_consumer)
  list(APPEND UPCALL_DRIVER_SOURCES ${PROJECT_SOURCE_DIR}/src/shared/${source}.c)
endforeach()

set(UPCALL_CLIENT_SOURCES)
foreach(source completion connection receive subscribe)
  list(APPEND UPCALL_CLIENT_SOURCES ${PROJECT_SOURCE_DIR}/src/client/${source}.c)
endforeach()
