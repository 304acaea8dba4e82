// SPDX-License-Identifier: MIT
// Stack capture by frame pointers: no allocation, no lock, no fault, from any context.
//
// A frame is two words at the frame pointer: the caller's frame pointer and the return address. Code
// built without frame pointers leaves anything in that register, so a frame pointer is followed only
// while it is aligned, lies in memory known to be a stack of this thread, and moves towards the
// stack's base. A wrong one can then end the walk early or add a wrong entry, never fault or loop.
// On a thread whose stack bounds were not learned yet (foreign, no host lock taken so far) every frame
// is probed first: slower, as safe.
#include "host/os/os_internal.h"

#if defined(__clang__)
#define NOT_INSTRUMENTED __attribute__((no_sanitize("address", "thread"), noinline))
#else
#define NOT_INSTRUMENTED __attribute__((no_sanitize_address, no_sanitize_thread, noinline))
#endif

#define FRAME_SIZE         (2 * sizeof(uintptr_t))
#define LOWEST_CODE        4096u  // nothing is mapped below
#define UNKNOWN_STACK_SIZE ((uintptr_t)8 << 20)

static inline bool
Within(uintptr_t Frame, uintptr_t Low, uintptr_t High)
{
    return Frame >= Low && High - Low >= FRAME_SIZE && Frame <= High - FRAME_SIZE;
}

// Instrumented, the sanitizers would take these reads of other functions' frames for errors.
NOT_INSTRUMENTED static unsigned
Walk(uintptr_t Frame, void **Frames, unsigned Max, unsigned Skip)
{
    OSP_STACK Stack = OspStack;
    bool MadeUp = Frame == (uintptr_t)OspFaultFrame;
    bool OnAlternate;
    bool Unknown = Stack.High == 0;
    unsigned Count = 0;

    if (MadeUp && Max > 0)
    {
        Frames[Count++] = (void *)OspFaultFrame[1];
        Frame = OspFaultFrame[0];
    }
    if (Unknown)
    {
        Stack.Low = Frame;
        Stack.High =
            Frame > UINTPTR_MAX - UNKNOWN_STACK_SIZE ? UINTPTR_MAX : Frame + UNKNOWN_STACK_SIZE;
    }

    OnAlternate = Within(Frame, Stack.AltLow, Stack.AltHigh);
    while (Count < Max && Frame % sizeof(uintptr_t) == 0)
    {
        uintptr_t Next;
        uintptr_t Return;

        if (!(OnAlternate ? Within(Frame, Stack.AltLow, Stack.AltHigh)
                          : Within(Frame, Stack.Low, Stack.High)) ||
            (Unknown && !OsProbe((const void *)Frame, FRAME_SIZE, false)))
        {
            break;
        }
        Next = ((const uintptr_t *)Frame)[0];
        Return = ((const uintptr_t *)Frame)[1];
        if (Return < LOWEST_CODE)
        {
            break;
        }
        if (Skip > 0)
        {
            Skip--;
        }
        else
        {
            Frames[Count++] = (void *)Return;
        }
        if (OnAlternate && Within(Next, Stack.Low, Stack.High))
        {
            OnAlternate = false;  // from the signal handler into what it interrupted: once only
        }
        else if (Next <= Frame)
        {
            break;
        }
        Frame = Next;
    }
    return Count;
}

NOT_INSTRUMENTED unsigned
OsStackCapture(void **Frames, unsigned Max, unsigned Skip)
{
    // The frame of this function holds the return address into the caller: entry 0.
    unsigned Count = Walk((uintptr_t)__builtin_frame_address(0), Frames, Max, Skip);

    __asm__ volatile("" ::: "memory");  // not a tail call: that would give the frame up first
    return Count;
}

unsigned
OsStackCaptureFrom(void *Instruction, void *FramePointer, void **Frames, unsigned Max)
{
    if (Max == 0)
    {
        return 0;
    }
    // All other entries are return addresses, looked up one byte lower (inside the call).
    // As a number: Instruction is NULL after a call of a null pointer.
    Frames[0] = (void *)((uintptr_t)Instruction + 1);
    return 1 + Walk((uintptr_t)FramePointer, Frames + 1, Max - 1, 0);
}
