# SPDX-License-Identifier: MIT
# Compiler flags, in one place: warnings are errors, and the sanitizers of this build's flavour.

# Also given to nthost-cc for our own drivers and applications.
set(UPCALL_WARNINGS
  -Wall -Wextra -Werror
  -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes
  -Wpointer-arith -Wwrite-strings -Wvla)

set(UPCALL_SANITIZE_FLAGS "")
if(UPCALL_SANITIZE)
  set(UPCALL_SANITIZE_FLAGS -fsanitize=${UPCALL_SANITIZE})
  if(UPCALL_SANITIZE MATCHES "undefined")
    list(APPEND UPCALL_SANITIZE_FLAGS -fno-sanitize-recover=undefined)
  endif()
endif()

add_library(upcall_flags INTERFACE)
target_compile_options(upcall_flags INTERFACE
  ${UPCALL_WARNINGS} ${UPCALL_SANITIZE_FLAGS}
  -fno-omit-frame-pointer
  -Werror=implicit-function-declaration)
target_link_options(upcall_flags INTERFACE ${UPCALL_SANITIZE_FLAGS})
