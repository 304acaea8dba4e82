// SPDX-License-Identifier: MIT
// What the drivers and the application of these tests agree on.
#ifndef VERIFIER_SHARED_H
#define VERIFIER_SHARED_H

#define VERIFIER_LINK    L"\\??\\VerifierTest"
#define VERIFIER_TRIGGER CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_ANY_ACCESS)

#endif
