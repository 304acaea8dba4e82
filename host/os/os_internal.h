// SPDX-License-Identifier: MIT
// What the files of host/os share among themselves and show to nobody else.
#ifndef HOST_OS_INTERNAL_H
#define HOST_OS_INTERNAL_H

#include "host/os/os.h"

#include <signal.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OSP_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OSP_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OSP_THREAD_SANITIZER 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define OSP_ADDRESS_SANITIZER 1
#endif

// errno -> OS_E_*.
int OspError(int Errno);

// What the stack walker may touch of the calling thread. Low == High: not known.
// Each thread writes only its own, so a signal handler of that thread reads settled values.
typedef struct OSP_STACK
{
    uintptr_t Low;
    uintptr_t High;
    uintptr_t AltLow;
    uintptr_t AltHigh;
} OSP_STACK;
extern OS_THREAD_LOCAL OSP_STACK OspStack;

// A frame (caller's frame pointer, return address) that the fault handler made up for a function that
// has none. The walker accepts its address as a first frame.
extern OS_THREAD_LOCAL uintptr_t OspFaultFrame[2];

// Notes a module that is about to be unloaded: its frames in stacks that were recorded before keep their
// names. Base is what its addresses were moved by; it lay in [Low, High).
void OspSymbolKeep(const char *Path, uintptr_t Base, uintptr_t Low, uintptr_t High);

// Fills OspStack of the calling thread (allocates: never from a signal handler).
void OspStackLearn(void);

// Alternate signal stacks. Enter gives the calling thread ours and remembers what it had; Leave
// restores that (the address sanitizer unmaps, at thread exit, whatever stack it finds) and frees ours.
typedef struct OSP_ALT_STACK
{
    void *Base;  // NULL: none of ours
    stack_t Former;
} OSP_ALT_STACK;
int OspAltStackEnter(OSP_ALT_STACK *AltStack);
void OspAltStackLeave(OSP_ALT_STACK *AltStack);

// Blocked while a fault handler runs, and at no other time: tells a fault inside the handler from a
// first one, even after the handler was left by siglongjmp (which restores the mask).
#define OSP_FAULT_MARK SIGSTKFLT

#endif
