// SPDX-License-Identifier: MIT
// The timing wheel: 9 levels of 64 slots, constant-time insertion and removal, exact due times.
//
// Time is cut into digits of six bits above a base of 2^10 units (102.4 us). Relative to KipNow a timer
// lies at the level of the highest digit in which its due time differs, in the slot that the digit
// names. So every timer of a level is due before every timer of a higher one, and slots of a level are
// in order: the earliest timer is in the first occupied slot of the lowest occupied level. Level 0
// slots are kept sorted; higher ones are not, and are distributed downward when time reaches them.
//
// KipNow moves only to the start of a slot that is being distributed, or to a time before every timer
// that is left. Both keep the invariant: in the first case all lower levels are empty; in the second
// no digit at or above a timer's level changes, as KipNow stays below the timer and equal above it.
#include "ke/kiwheel.h"

#define KI_LEVELS     9u
#define KI_SLOTS      64u
#define KI_BASE_BITS  10u
#define KI_DIGIT_BITS 6u
#define KI_FILTER     256u

static ULONGLONG KipNow;
static LIST_ENTRY KipSlots[KI_LEVELS][KI_SLOTS];
static ULONG64 KipOccupied[KI_LEVELS];  // bit s: slot s is not empty
// How many timers lie in pages of each hash: atomic, so that freeing memory can look without the lock.
static uint32_t KipFilter[KI_FILTER];

static inline unsigned
KipPageHash(ULONG_PTR Page)
{
    return (unsigned)((Page * 0x9E3779B97F4A7C15ull) >> 56);
}

static inline unsigned
KipShift(unsigned Level)
{
    return KI_BASE_BITS + Level * KI_DIGIT_BITS;
}

static inline PKTIMER
KipTimerOf(PLIST_ENTRY Entry)
{
    return CONTAINING_RECORD(Entry, KTIMER, TimerListEntry);
}

void
KiWheelReset(ULONGLONG Now)
{
    KipNow = Now;
    for (unsigned Level = 0; Level < KI_LEVELS; Level++)
    {
        KipOccupied[Level] = 0;
        for (unsigned Slot = 0; Slot < KI_SLOTS; Slot++)
        {
            InitializeListHead(&KipSlots[Level][Slot]);
        }
    }
    for (unsigned i = 0; i < KI_FILTER; i++)
    {
        __atomic_store_n(&KipFilter[i], 0, __ATOMIC_RELAXED);
    }
}

// Links the timer by its DueTime.
static void
KipPlace(PKTIMER Timer)
{
    ULONGLONG Due = Timer->DueTime.QuadPart;
    ULONGLONG Effective = Due > KipNow ? Due : KipNow;
    ULONGLONG Differs = (Effective ^ KipNow) >> KI_BASE_BITS;
    unsigned Level = Differs == 0 ? 0 : (63u - (unsigned)__builtin_clzll(Differs)) / KI_DIGIT_BITS;
    unsigned Slot = (unsigned)(Effective >> KipShift(Level)) & (KI_SLOTS - 1);
    PLIST_ENTRY Head = &KipSlots[Level][Slot];
    PLIST_ENTRY After = Head->Blink;

    if (Level == 0)
    {
        while (After != Head && KipTimerOf(After)->DueTime.QuadPart > Due)
        {
            After = After->Blink;
        }
    }
    InsertHeadList(After, &Timer->TimerListEntry);
    Timer->Header.Hand = (UCHAR)Slot;
    Timer->Header.TimerMiscFlags = (UCHAR)(Level + 1);
    KipOccupied[Level] |= 1ull << Slot;
}

static void
KipUnlink(PKTIMER Timer)
{
    unsigned Level = Timer->Header.TimerMiscFlags - 1u;
    unsigned Slot = Timer->Header.Hand;

    if (RemoveEntryList(&Timer->TimerListEntry))
    {
        KipOccupied[Level] &= ~(1ull << Slot);
    }
    Timer->Header.TimerMiscFlags = 0;
}

static inline uint32_t *
KipFilterOf(PKTIMER Timer)
{
    return &KipFilter[KipPageHash((ULONG_PTR)Timer >> 12)];
}

void
KiWheelInsert(PKTIMER Timer, ULONGLONG DueTime)
{
    Timer->DueTime.QuadPart = DueTime;
    KipPlace(Timer);
    // Relaxed: who frees the timer's memory knows of this insertion by other means, or races anyway.
    (void)__atomic_fetch_add(KipFilterOf(Timer), 1, __ATOMIC_RELAXED);
}

void
KiWheelRemove(PKTIMER Timer)
{
    KipUnlink(Timer);
    (void)__atomic_fetch_sub(KipFilterOf(Timer), 1, __ATOMIC_RELAXED);
}

// The lowest occupied level, or KI_LEVELS.
static unsigned
KipLowest(void)
{
    unsigned Level = 0;

    while (Level < KI_LEVELS && KipOccupied[Level] == 0)
    {
        Level++;
    }
    return Level;
}

PKTIMER
KiWheelTakeDue(ULONGLONG Now)
{
    for (;;)
    {
        unsigned Level = KipLowest();
        unsigned Slot;
        PLIST_ENTRY Head;
        ULONGLONG Start;

        if (Level == KI_LEVELS)
        {
            break;
        }
        Slot = (unsigned)__builtin_ctzll(KipOccupied[Level]);
        Head = &KipSlots[Level][Slot];
        if (Level == 0)
        {
            PKTIMER Timer = KipTimerOf(Head->Flink);

            if (Timer->DueTime.QuadPart > Now)
            {
                break;
            }
            KiWheelRemove(Timer);
            return Timer;
        }
        // Digits above the level as now, this slot's digit, zeros below.
        Start = KipNow;
        if (KipShift(Level + 1) < 64)
        {
            Start &= ~(ULONGLONG)0 << KipShift(Level + 1);
        }
        else
        {
            Start = 0;
        }
        Start |= (ULONGLONG)Slot << KipShift(Level);
        if (Start > Now)
        {
            break;
        }
        KipNow = Start;
        while (!IsListEmpty(Head))
        {
            PKTIMER Timer = KipTimerOf(Head->Flink);

            KipUnlink(Timer);
            KipPlace(Timer);
        }
    }
    if (Now > KipNow)
    {
        KipNow = Now;
    }
    return NULL;
}

ULONGLONG
KiWheelNext(void)
{
    unsigned Level = KipLowest();
    ULONGLONG Next = UINT64_MAX;
    PLIST_ENTRY Head;

    if (Level == KI_LEVELS)
    {
        return Next;
    }
    Head = &KipSlots[Level][__builtin_ctzll(KipOccupied[Level])];
    if (Level == 0)
    {
        return KipTimerOf(Head->Flink)->DueTime.QuadPart;
    }
    for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink)
    {
        if (KipTimerOf(Entry)->DueTime.QuadPart < Next)
        {
            Next = KipTimerOf(Entry)->DueTime.QuadPart;
        }
    }
    return Next;
}

PKTIMER
KiWheelFind(const void *Low, const void *High)
{
    for (unsigned Level = 0; Level < KI_LEVELS; Level++)
    {
        for (ULONG64 Left = KipOccupied[Level]; Left != 0; Left &= Left - 1)
        {
            PLIST_ENTRY Head = &KipSlots[Level][__builtin_ctzll(Left)];

            for (PLIST_ENTRY Entry = Head->Flink; Entry != Head; Entry = Entry->Flink)
            {
                ULONG_PTR Address = (ULONG_PTR)KipTimerOf(Entry);

                if (Address >= (ULONG_PTR)Low && Address < (ULONG_PTR)High)
                {
                    return KipTimerOf(Entry);
                }
            }
        }
    }
    return NULL;
}

BOOLEAN
KiWheelMayHold(const void *Low, const void *High)
{
    ULONG_PTR First = (ULONG_PTR)Low >> 12;
    ULONG_PTR Last = ((ULONG_PTR)High - 1) >> 12;

    if ((ULONG_PTR)High <= (ULONG_PTR)Low)
    {
        return FALSE;
    }
    if (Last - First >= KI_FILTER)
    {
        for (unsigned i = 0; i < KI_FILTER; i++)
        {
            if (__atomic_load_n(&KipFilter[i], __ATOMIC_RELAXED) != 0)
            {
                return TRUE;
            }
        }
        return FALSE;
    }
    for (ULONG_PTR Page = First; Page <= Last; Page++)
    {
        if (__atomic_load_n(&KipFilter[KipPageHash(Page)], __ATOMIC_RELAXED) != 0)
        {
            return TRUE;
        }
    }
    return FALSE;
}
