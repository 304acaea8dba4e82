# SPDX-License-Identifier: MIT
# nthost_add_driver and nthost_add_app: build driver and application source with nthost-cc.
#
#   nthost_add_driver(name SOURCES a.c b.c [INCLUDES dir...] [DEFINES X=1...] [OPTIONS -f...]
#                     [LIBS -lfoo...] [DEPENDS target...] [OUTPUT_DIRECTORY dir])
#       builds <dir>/name.sys (dir: the build's bin/ unless given) as target `name.sys`.
#   nthost_add_app(name ...the same...)
#       builds <dir>/name as target `name`.
#
# Both compile with the project's warnings as errors. The file that a target builds is its property
# NTHOST_OUTPUT. DEPENDS names targets whose archives LIBS links. Sources are compiled one by one with depfiles, so a change of a header rebuilds what
# includes it; a change of nthost-cc rebuilds everything, a change of the host's libraries links (and
# for drivers checks) again.

function(nthost_build kind target file)
  cmake_parse_arguments(PARSE_ARGV 3 arg "" "OUTPUT_DIRECTORY" "SOURCES;INCLUDES;DEFINES;OPTIONS;LIBS;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${target}: what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${target}: no SOURCES")
  endif()
  if(NOT arg_OUTPUT_DIRECTORY)
    set(arg_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  endif()
  file(MAKE_DIRECTORY ${arg_OUTPUT_DIRECTORY})

  set(flags ${UPCALL_WARNINGS} ${arg_OPTIONS})
  foreach(directory ${arg_INCLUDES})
    cmake_path(ABSOLUTE_PATH directory BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    list(APPEND flags -I${directory})
  endforeach()
  foreach(define ${arg_DEFINES})
    list(APPEND flags -D${define})
  endforeach()

  set(objects)
  foreach(source ${arg_SOURCES})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    cmake_path(GET source FILENAME leaf)
    # Two sources of one name in different folders must not share an object.
    string(MD5 hash ${source})
    string(SUBSTRING ${hash} 0 8 hash)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.dir/${leaf}-${hash}.o)
    cmake_path(GET object PARENT_PATH directory)
    file(MAKE_DIRECTORY ${directory})
    add_custom_command(
      OUTPUT ${object}
      COMMAND nthost-cc ${kind} ${flags} -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
      DEPENDS nthost-cc ${source}
      DEPFILE ${object}.d
      COMMENT "nthost-cc ${target}: ${leaf}"
      COMMAND_EXPAND_LISTS VERBATIM)
    list(APPEND objects ${object})
  endforeach()

  set(output ${arg_OUTPUT_DIRECTORY}/${file})
  if(kind STREQUAL "--driver")
    set(library libnthost)
  else()
    set(library libntwin32)
  endif()
  add_custom_command(
    OUTPUT ${output}
    COMMAND nthost-cc ${kind} ${objects} -o ${output} ${arg_LIBS}
    DEPENDS nthost-cc ${library} ${objects} ${arg_DEPENDS}
    COMMENT "nthost-cc ${target}: link"
    COMMAND_EXPAND_LISTS VERBATIM)
  add_custom_target(${target} ALL DEPENDS ${output})
  set_target_properties(${target} PROPERTIES NTHOST_OUTPUT ${output})
endfunction()

function(nthost_add_driver name)
  nthost_build(--driver ${name}.sys ${name}.sys ${ARGN})
endfunction()

function(nthost_add_app name)
  nthost_build(--app ${name} ${name} ${ARGN})
endfunction()
