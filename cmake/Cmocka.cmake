# SPDX-License-Identifier: MIT
# cmocka_cases(target prefix source [MACROS A B...] [TIMEOUT seconds]): one ctest case (and process) for
# each test that the source names in MACRO(name); default macro cmocka_unit_test. The program takes a
# test's name as its argument. The names come from the source, wherever the formatter put them.

function(cmocka_cases target prefix source)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "TIMEOUT" "MACROS")
  if(NOT arg_MACROS)
    set(arg_MACROS cmocka_unit_test)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  list(JOIN arg_MACROS "|" macros)
  file(READ ${source} text)
  # A macro's own definition names its parameter, not a test.
  string(REGEX REPLACE "#define[^\n]*\n" "\n" text "${text}")
  string(REGEX MATCHALL "[^A-Za-z0-9_](${macros})\\([A-Za-z0-9_]+\\)" cases "${text}")
  if(NOT cases)
    message(FATAL_ERROR "${source} names no test")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
  foreach(case ${cases})
    string(REGEX REPLACE ".*\\(([A-Za-z0-9_]+)\\)" "\\1" case "${case}")
    add_test(NAME ${prefix}.${case} COMMAND ${target} ${case})
    set_tests_properties(${prefix}.${case} PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endforeach()
endfunction()
