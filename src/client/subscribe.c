// SPDX-License-Identifier: MIT
// Subscriptions: made, started, cancelled, queried, ended.

#include <stdlib.h>
#include <string.h>

#include "connection.h"

// ---- Arguments: the same answers as the driver's
// -------------------------------------------------

static DWORD
NameUnits(const WCHAR *Name)
{
    DWORD units = 0;
    while (Name[units] != 0 && units <= UPCALL_MAX_EVENT_NAME)
    {
        units++;
    }
    return units;
}

static DWORD
CheckEventName(const UPCALL_SUBSCRIBE_CONFIG *Config)
{
    DWORD units = NameUnits(Config->EventName);
    if (units > UPCALL_MAX_EVENT_NAME)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (units == 0)
    {
        return ERROR_INVALID_NAME;
    }
    for (DWORD i = 0; i < units; i++)
    {
        if (Config->EventName[i] == L'\\')
        {
            return ERROR_INVALID_NAME;
        }
    }
    if (Config->EventOrigin == UPCALL_EVENT_ORIGIN_DRIVER &&
        (units <= UPCALL_EVENT_NAME_PREFIX_UNITS ||
         memcmp(Config->EventName, UPCALL_EVENT_NAME_PREFIX,
                UPCALL_EVENT_NAME_PREFIX_UNITS * sizeof(WCHAR)) != 0))
    {
        return ERROR_INVALID_NAME;
    }
    return ERROR_SUCCESS;
}

// What belongs to a signal, for each signal that it does not belong to.
static DWORD
CheckSignal(const UPCALL_SUBSCRIBE_CONFIG *Config)
{
    if (Config->Signal == UPCALL_SIGNAL_NAMED_EVENT)
    {
        if (Config->EventOrigin != UPCALL_EVENT_ORIGIN_DRIVER &&
            Config->EventOrigin != UPCALL_EVENT_ORIGIN_APPLICATION)
        {
            return ERROR_INVALID_PARAMETER;
        }
    }
    else if (Config->EventOrigin != UPCALL_EVENT_ORIGIN_NONE || Config->EventName != NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (Config->Signal == UPCALL_SIGNAL_COMPLETION)
    {
        if (Config->CompletionMode > UPCALL_COMPLETION_PORT ||
            Config->ReadsInFlight > UPCALL_MAX_READS_IN_FLIGHT)
        {
            return ERROR_INVALID_PARAMETER;
        }
    }
    else if (Config->CompletionMode != 0 || Config->ReadsInFlight != 0)
    {
        return ERROR_INVALID_PARAMETER;
    }
    return Config->EventName != NULL ? CheckEventName(Config) : ERROR_SUCCESS;
}

// Checks, and fills in the defaults.
static DWORD
TakeConfig(const UPCALL_CONNECTION *Connection, UPCALL_SUBSCRIBE_CONFIG *Config)
{
    if (Config->DataPath == 0)
    {
        Config->DataPath = UPCALL_DATA_READ;
    }
    if (Config->Policy == 0)
    {
        Config->Policy = UPCALL_POLICY_DROP_NEWEST;
    }
    if (Config->QueueBytes == 0)
    {
        Config->QueueBytes = UPCALL_DEFAULT_QUEUE_BYTES;
    }
    if (Config->ReadBytes == 0)
    {
        Config->ReadBytes = UPCALL_MAX_READ_BYTES;
    }
    if (Config->Topics == 0 || (Config->Flags & ~UPCALL_SUBSCRIBE_FLAGS) != 0 ||
        Config->QueueBytes < UPCALL_MIN_QUEUE_BYTES ||
        Config->QueueBytes > UPCALL_MAX_QUEUE_BYTES ||
        (Config->QueueBytes & (Config->QueueBytes - 1)) != 0 ||
        Config->ReadBytes < UPCALL_BATCH_HEADER_BYTES || Config->ReadBytes > UPCALL_MAX_READ_BYTES)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (Config->Signal < UPCALL_SIGNAL_EVENT || Config->Signal > UPCALL_SIGNAL_COMPLETION ||
        Config->DataPath != UPCALL_DATA_READ || Config->Policy != UPCALL_POLICY_DROP_NEWEST)
    {
        return ERROR_NOT_SUPPORTED;
    }
    DWORD error = CheckSignal(Config);
    if (error == ERROR_SUCCESS && Config->QueueBytes > Connection->Limits.MaxQueueBytes)
    {
        error = ERROR_NOT_ENOUGH_QUOTA;
    }
    if (Config->Signal == UPCALL_SIGNAL_COMPLETION && Config->ReadsInFlight == 0)
    {
        Config->ReadsInFlight = UPCALL_DEFAULT_READS_IN_FLIGHT;
    }
    return error;
}

// ---- Names --------------------------------------------------------------------------------------

#define GLOBAL_PREFIX       L"Global\\"
#define GLOBAL_PREFIX_UNITS 7u
#define GLOBAL_NAME_UNITS   (GLOBAL_PREFIX_UNITS + UPCALL_MAX_EVENT_NAME + 1u)

static WCHAR *
AppendHex(WCHAR *At, ULONGLONG Value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
    {
        *At++ = L"0123456789abcdef"[(Value >> shift) & 15];
    }
    return At;
}

// Makes up a name: unique among this process's by the counter, among processes by the number, and
// over time by the clock. Unique is enough: a driver-first name that somebody took is refused, not
// used.
static void
MakeName(WCHAR Name[UPCALL_MAX_EVENT_NAME + 1])
{
    static LONG counter;
    LARGE_INTEGER now;
    QueryPerformanceCounter(&now);
    memcpy(Name, UPCALL_EVENT_NAME_PREFIX, UPCALL_EVENT_NAME_PREFIX_UNITS * sizeof(WCHAR));
    WCHAR *at = Name + UPCALL_EVENT_NAME_PREFIX_UNITS;
    at = AppendHex(at,
                   (ULONGLONG)GetCurrentProcessId() << 32 | (ULONG)InterlockedIncrement(&counter));
    *at++ = L'-';
    at = AppendHex(at, (ULONGLONG)now.QuadPart);
    *at = 0;
}

static void
GlobalName(const WCHAR *Name, WCHAR Global[GLOBAL_NAME_UNITS])
{
    memcpy(Global, GLOBAL_PREFIX, GLOBAL_PREFIX_UNITS * sizeof(WCHAR));
    memcpy(Global + GLOBAL_PREFIX_UNITS, Name, (NameUnits(Name) + 1) * sizeof(WCHAR));
}

// ---- Making -------------------------------------------------------------------------------------

// NULL-safe in every member: serves a failed subscribe and the end alike.
static void
Destroy(UPCALL_SUBSCRIPTION *Subscription)
{
    if (Subscription->Thread != NULL)
    {
        CloseHandle(Subscription->Thread);
    }
    if (Subscription->File != NULL)
    {
        CloseHandle(Subscription->File);
    }
    if (Subscription->Port != NULL)
    {
        CloseHandle(Subscription->Port);
    }
    if (Subscription->CancelEvent != NULL && Subscription->CancelEvent != Subscription->Event)
    {
        CloseHandle(Subscription->CancelEvent);
    }
    if (Subscription->Event != NULL)
    {
        CloseHandle(Subscription->Event);
    }
    for (DWORD i = 0; i < Subscription->SlotCount; i++)
    {
        free(Subscription->Slots[i].Buffer);
    }
    free(Subscription);
}

static DWORD
CreateSlots(UPCALL_SUBSCRIPTION *Subscription, const UPCALL_SUBSCRIBE_CONFIG *Config)
{
    Subscription->SlotCount = Config->ReadsInFlight != 0 ? Config->ReadsInFlight : 1;
    for (DWORD i = 0; i < Subscription->SlotCount; i++)
    {
        SLOT *slot = &Subscription->Slots[i];
        slot->State = SlotIdle;
        slot->BufferBytes = Config->ReadBytes;
        slot->Buffer = malloc(Config->ReadBytes);
        if (slot->Buffer == NULL)
        {
            return ERROR_NOT_ENOUGH_MEMORY;
        }
    }
    return ERROR_SUCCESS;
}

static DWORD
OpenOwnFile(UPCALL_SUBSCRIPTION *Subscription)
{
    DWORD overlapped = Subscription->Signal == UPCALL_SIGNAL_COMPLETION ? FILE_FLAG_OVERLAPPED : 0;
    HANDLE file =
        CreateFileW(Subscription->Connection->DevicePath, GENERIC_READ,
                    FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, overlapped, NULL);
    if (file == INVALID_HANDLE_VALUE)
    {
        return GetLastError();
    }
    Subscription->File = file;
    return ERROR_SUCCESS;
}

// The event of an application-first subscription: ours from the start, or not at all.
static DWORD
CreateNamedEvent(const WCHAR *Name, HANDLE *Event)
{
    WCHAR global[GLOBAL_NAME_UNITS];
    GlobalName(Name, global);
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, global);
    if (event == NULL)
    {
        return GetLastError();
    }
    if (GetLastError() == ERROR_ALREADY_EXISTS)
    {
        CloseHandle(event);
        return ERROR_ALREADY_EXISTS;
    }
    *Event = event;
    return ERROR_SUCCESS;
}

// What must exist before the driver is asked. (A driver-first event comes after.)
static DWORD
CreateSignal(UPCALL_SUBSCRIPTION *Subscription, const UPCALL_SUBSCRIBE_CONFIG *Config,
             const WCHAR *Name)
{
    BOOL driverFirst = Config->EventOrigin == UPCALL_EVENT_ORIGIN_DRIVER;
    if (Config->EventOrigin == UPCALL_EVENT_ORIGIN_APPLICATION)
    {
        DWORD error = CreateNamedEvent(Name, &Subscription->Event);
        Subscription->CancelEvent = Subscription->Event;
        return error;
    }
    // Auto-reset for EVENT, manual-reset for the reads of COMPLETION and for a cancel of its own.
    HANDLE event = CreateEventW(NULL, Config->Signal != UPCALL_SIGNAL_EVENT, FALSE, NULL);
    if (event == NULL)
    {
        return GetLastError();
    }
    Subscription->CancelEvent = event;
    Subscription->Event = driverFirst ? NULL : event;
    return ERROR_SUCCESS;
}

static DWORD
AskDriver(UPCALL_SUBSCRIPTION *Subscription, const UPCALL_SUBSCRIBE_CONFIG *Config,
          const WCHAR *Name)
{
    UPCALL_SUBSCRIBE_INPUT input;
    UPCALL_SUBSCRIBE_OUTPUT output;
    memset(&input, 0, sizeof(input));
    memset(&output, 0, sizeof(output));
    input.Size = sizeof(input);
    input.Version = Subscription->Connection->Limits.Version;
    input.Topics = Config->Topics;
    input.QueueBytes = Config->QueueBytes;
    input.Signal = Config->Signal;
    input.DataPath = Config->DataPath;
    input.Policy = Config->Policy;
    input.Flags = Config->Flags;
    input.EventOrigin = Config->EventOrigin;
    if (Config->Signal == UPCALL_SIGNAL_EVENT)
    {
        input.EventHandle = (ULONG_PTR)Subscription->Event;
    }
    if (Config->Signal == UPCALL_SIGNAL_NAMED_EVENT)
    {
        input.EventNameUnits = NameUnits(Name);
        memcpy(input.EventName, Name, input.EventNameUnits * sizeof(WCHAR));
    }
    HANDLE event = Config->Signal == UPCALL_SIGNAL_COMPLETION ? Subscription->Event : NULL;
    DWORD error = UpcallControl(Subscription->File, event, UPCALL_IOCTL_SUBSCRIBE, &input,
                                sizeof(input), &output, sizeof(output));
    Subscription->Id = output.SubscriptionId;
    return error;
}

// What can only be made once the driver has subscribed the file.
static DWORD
FinishSignal(UPCALL_SUBSCRIPTION *Subscription, const UPCALL_SUBSCRIBE_CONFIG *Config,
             const WCHAR *Name)
{
    if (Config->EventOrigin == UPCALL_EVENT_ORIGIN_DRIVER)
    {
        WCHAR global[GLOBAL_NAME_UNITS];
        GlobalName(Name, global);
        Subscription->Event = OpenEventW(SYNCHRONIZE, FALSE, global);
        return Subscription->Event != NULL ? ERROR_SUCCESS : GetLastError();
    }
    if (Config->Signal == UPCALL_SIGNAL_COMPLETION &&
        Config->CompletionMode == UPCALL_COMPLETION_PORT)
    {
        // Only now: the subscribe call was waited for by event, and must not appear at the port.
        Subscription->Port = CreateIoCompletionPort(Subscription->File, NULL, 1, 1);
        if (Subscription->Port == NULL)
        {
            return GetLastError();
        }
        CloseHandle(Subscription->Event);
        Subscription->Event = NULL;
        Subscription->CancelEvent = NULL;
    }
    return ERROR_SUCCESS;
}

DWORD WINAPI
UpcallSubscribe(UPCALL_CONNECTION *Connection, const UPCALL_SUBSCRIBE_CONFIG *Config,
                UPCALL_SUBSCRIPTION **Subscription)
{
    WCHAR made[UPCALL_MAX_EVENT_NAME + 1];
    if (Subscription == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    *Subscription = NULL;
    if (Connection == NULL || Config == NULL || Config->Size != sizeof(*Config))
    {
        return ERROR_INVALID_PARAMETER;
    }
    UPCALL_SUBSCRIBE_CONFIG config = *Config;
    DWORD error = TakeConfig(Connection, &config);
    if (error != ERROR_SUCCESS)
    {
        return error;
    }
    const WCHAR *name = config.EventName;
    if (config.Signal == UPCALL_SIGNAL_NAMED_EVENT && name == NULL)
    {
        MakeName(made);
        name = made;
    }

    UPCALL_SUBSCRIPTION *subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL)
    {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    subscription->Connection = Connection;
    subscription->Signal = config.Signal;
    subscription->CompletionMode = config.CompletionMode;
    error = CreateSlots(subscription, &config);
    if (error == ERROR_SUCCESS)
    {
        error = OpenOwnFile(subscription);
    }
    if (error == ERROR_SUCCESS)
    {
        error = CreateSignal(subscription, &config, name);
    }
    if (error == ERROR_SUCCESS)
    {
        error = AskDriver(subscription, &config, name);
    }
    if (error == ERROR_SUCCESS)
    {
        error = FinishSignal(subscription, &config, name);
    }
    if (error != ERROR_SUCCESS)
    {
        // Closing the file ends what the driver may have made.
        Destroy(subscription);
        return error;
    }

    EnterCriticalSection(&Connection->Lock);
    subscription->Next = Connection->First;
    Connection->First = subscription;
    LeaveCriticalSection(&Connection->Lock);
    if (config.Signal == UPCALL_SIGNAL_COMPLETION)
    {
        // Starts the reads. A batch that is there already waits in Current; an error waits in
        // Failure.
        (void)UpcallCompletionFetch(subscription);
    }
    *Subscription = subscription;
    return ERROR_SUCCESS;
}

// ---- Living -------------------------------------------------------------------------------------

DWORD WINAPI
UpcallGetWaitHandle(UPCALL_SUBSCRIPTION *Subscription, HANDLE *Handle)
{
    if (Handle == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    *Handle = NULL;
    if (Subscription == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (Subscription->Port != NULL)
    {
        return ERROR_NOT_SUPPORTED;
    }
    *Handle = Subscription->Event;
    return ERROR_SUCCESS;
}

DWORD WINAPI
UpcallCancel(UPCALL_SUBSCRIPTION *Subscription)
{
    if (Subscription == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    // The flag before the signal. The consumer looks at the flag right before it waits, behind
    // whatever takes or resets signals: if it does not see the flag, the signal is still to come.
    InterlockedExchange(&Subscription->Canceled, 1);
    if (Subscription->Port != NULL)
    {
        return PostQueuedCompletionStatus(Subscription->Port, 0, 0, NULL) ? ERROR_SUCCESS
                                                                          : GetLastError();
    }
    return SetEvent(Subscription->CancelEvent) ? ERROR_SUCCESS : GetLastError();
}

DWORD WINAPI
UpcallQuery(UPCALL_SUBSCRIPTION *Subscription, UPCALL_SUBSCRIPTION_STATISTICS *Statistics)
{
    UPCALL_SUBSCRIPTION_INPUT input;
    if (Subscription == NULL || Statistics == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    memset(&input, 0, sizeof(input));
    input.Size = sizeof(input);
    input.SubscriptionId = Subscription->Id;
    memset(Statistics, 0, sizeof(*Statistics));
    return UpcallControl(Subscription->Connection->Control, NULL, UPCALL_IOCTL_QUERY_SUBSCRIPTION,
                         &input, sizeof(input), Statistics, sizeof(*Statistics));
}

static DWORD WINAPI
ReceiveThread(LPVOID Parameter)
{
    UPCALL_SUBSCRIPTION *subscription = Parameter;
    // By this thread itself: its callback must find it, and may run before CreateThread returns.
    InterlockedExchange(&subscription->ThreadId, (LONG)GetCurrentThreadId());
    for (;;)
    {
        UPCALL_RECORD record;
        DWORD error = UpcallReceiveNext(subscription, &record, INFINITE);
        if (error == ERROR_OPERATION_ABORTED)
        {
            return 0;
        }
        if (error != ERROR_SUCCESS)
        {
            subscription->Callback(subscription->Context, NULL, error);
            return 0;
        }
        subscription->Callback(subscription->Context, &record, ERROR_SUCCESS);
        subscription->Held = NULL;
    }
}

BOOL
UpcallIsOwnCallback(UPCALL_SUBSCRIPTION *Subscription)
{
    return (DWORD)InterlockedCompareExchange(&Subscription->ThreadId, 0, 0) == GetCurrentThreadId();
}

DWORD WINAPI
UpcallStart(UPCALL_SUBSCRIPTION *Subscription, UPCALL_CALLBACK Callback, void *Context)
{
    if (Subscription == NULL || Callback == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (Subscription->Started || Subscription->Held != NULL)
    {
        return ERROR_BUSY;
    }
    Subscription->Callback = Callback;
    Subscription->Context = Context;
    Subscription->Started = TRUE;
    Subscription->Thread = CreateThread(NULL, 0, ReceiveThread, Subscription, 0, NULL);
    if (Subscription->Thread == NULL)
    {
        Subscription->Started = FALSE;
        return GetLastError();
    }
    return ERROR_SUCCESS;
}

// ---- Ending -------------------------------------------------------------------------------------

static void
Unlink(UPCALL_SUBSCRIPTION *Subscription)
{
    UPCALL_CONNECTION *connection = Subscription->Connection;
    EnterCriticalSection(&connection->Lock);
    UPCALL_SUBSCRIPTION **link = &connection->First;
    while (*link != Subscription)
    {
        link = &(*link)->Next;
    }
    *link = Subscription->Next;
    LeaveCriticalSection(&connection->Lock);
}

DWORD WINAPI
UpcallUnsubscribe(UPCALL_SUBSCRIPTION *Subscription)
{
    UPCALL_SUBSCRIPTION_INPUT input;
    if (Subscription == NULL)
    {
        return ERROR_INVALID_PARAMETER;
    }
    if (UpcallIsOwnCallback(Subscription))
    {
        return ERROR_POSSIBLE_DEADLOCK;
    }
    if (Subscription->Started)
    {
        UpcallCancel(Subscription);
        WaitForSingleObject(Subscription->Thread, INFINITE);
    }
    if (Subscription->Signal == UPCALL_SIGNAL_COMPLETION)
    {
        // Before the close: some systems do not cancel what is pended when the handle goes.
        CancelIoEx(Subscription->File, NULL);
    }
    memset(&input, 0, sizeof(input));
    input.Size = sizeof(input);
    input.SubscriptionId = Subscription->Id;
    // Fails only if the subscription has ended already (channel stopped, driver gone).
    (void)UpcallControl(Subscription->Connection->Control, NULL, UPCALL_IOCTL_UNSUBSCRIBE, &input,
                        sizeof(input), NULL, 0);
    if (Subscription->Signal == UPCALL_SIGNAL_COMPLETION)
    {
        UpcallCompletionReap(Subscription);
    }
    Unlink(Subscription);
    Destroy(Subscription);
    return ERROR_SUCCESS;
}
