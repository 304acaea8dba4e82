// SPDX-License-Identifier: MIT
// What the driver and the application of this test agree on.
#ifndef SHARED_SECTION_SHARED_H
#define SHARED_SECTION_SHARED_H

// Maps the section, checks the application's words, answers in place, unmaps. No data travels in the
// request: STATUS_DATA_ERROR (ERROR_CRC) if the words are not there.
#define SECTEST_EXCHANGE CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

#define SECTEST_BYTES    8192
#define SECTEST_QUESTION 0x600D0000u  // word i of the application: + i
#define SECTEST_ANSWER   0x0DD00000u  // word i of the driver: + i

#endif
