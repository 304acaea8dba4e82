// SPDX-License-Identifier: MIT
// What arrives from applications: which IRPs are the kit's, and the validation of every IOCTL.

#include "channel.h"

// ---- Checks -------------------------------------------------------------------------------------

// A METHOD_BUFFERED request: input and output share Buffer, so input is copied out first.
typedef struct REQUEST
{
    PFILE_OBJECT FileObject;
    PVOID Buffer;
    ULONG InputBytes;
    ULONG OutputBytes;
    ULONG Written;  // of output
} REQUEST;

// The structure that Input is to be: its length both as given and as it says itself.
static NTSTATUS
CopyInput(const REQUEST *Request, PVOID Input, ULONG Bytes)
{
    if (Request->InputBytes != Bytes)
    {
        return STATUS_INFO_LENGTH_MISMATCH;
    }
    RtlCopyMemory(Input, Request->Buffer, Bytes);
    return *(ULONG *)Input == Bytes ? STATUS_SUCCESS : STATUS_INFO_LENGTH_MISMATCH;
}

static VOID
WriteOutput(REQUEST *Request, const VOID *Output, ULONG Bytes)
{
    RtlCopyMemory(Request->Buffer, Output, Bytes);
    Request->Written = Bytes;
}

// The versions of hello and subscribe stand behind Size in every version of the protocol, past and
// to come: they are looked at before the length is, so that strangers get the right error.
static BOOLEAN
VersionIsOurs(const REQUEST *Request)
{
    ULONG version;
    if (Request->InputBytes < 2 * sizeof(ULONG))
    {
        return TRUE;  // too short for any version: a matter of length
    }
    RtlCopyMemory(&version, (const UCHAR *)Request->Buffer + sizeof(ULONG), sizeof(version));
    return version >= UPCALL_PROTOCOL_VERSION_OLDEST && version <= UPCALL_PROTOCOL_VERSION;
}

static NTSTATUS
CheckEventName(const UPCALL_SUBSCRIBE_INPUT *Input)
{
    static const WCHAR prefix[] = UPCALL_EVENT_NAME_PREFIX;
    if (Input->EventNameUnits == 0)
    {
        return STATUS_OBJECT_NAME_INVALID;
    }
    for (ULONG i = 0; i < Input->EventNameUnits; i++)
    {
        if (Input->EventName[i] == 0 || Input->EventName[i] == L'\\')
        {
            return STATUS_OBJECT_NAME_INVALID;
        }
    }
    if (Input->EventOrigin == UPCALL_EVENT_ORIGIN_DRIVER)
    {
        if (Input->EventNameUnits <= UPCALL_EVENT_NAME_PREFIX_UNITS)
        {
            return STATUS_OBJECT_NAME_INVALID;
        }
        for (ULONG i = 0; i < UPCALL_EVENT_NAME_PREFIX_UNITS; i++)
        {
            if (Input->EventName[i] != prefix[i])
            {
                return STATUS_OBJECT_NAME_INVALID;
            }
        }
    }
    return STATUS_SUCCESS;
}

// What each signal says of the fields that belong to signals.
static NTSTATUS
CheckSignal(const UPCALL_SUBSCRIBE_INPUT *Input, PFILE_OBJECT FileObject)
{
    const BOOLEAN named = Input->Signal == UPCALL_SIGNAL_NAMED_EVENT;
    if (named ? Input->EventOrigin != UPCALL_EVENT_ORIGIN_DRIVER &&
                    Input->EventOrigin != UPCALL_EVENT_ORIGIN_APPLICATION
              : Input->EventOrigin != UPCALL_EVENT_ORIGIN_NONE)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Input->EventNameUnits > UPCALL_MAX_EVENT_NAME || (!named && Input->EventNameUnits != 0))
    {
        return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = Input->EventNameUnits; i < UPCALL_MAX_EVENT_NAME; i++)
    {
        if (Input->EventName[i] != 0)
        {
            return STATUS_INVALID_PARAMETER;
        }
    }
    if (Input->Signal != UPCALL_SIGNAL_EVENT && Input->EventHandle != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Input->Signal == UPCALL_SIGNAL_EVENT &&
        (Input->EventHandle == 0 || (ULONG_PTR)Input->EventHandle != Input->EventHandle))
    {
        return STATUS_INVALID_HANDLE;
    }
    if (Input->Signal == UPCALL_SIGNAL_COMPLETION && (FileObject->Flags & FO_SYNCHRONOUS_IO) != 0)
    {
        // A read that pends would hold the file's lock, and every other call would wait behind it.
        return STATUS_INVALID_PARAMETER_MIX;
    }
    return named ? CheckEventName(Input) : STATUS_SUCCESS;
}

static NTSTATUS
CheckSubscribe(PUPCALL_CHANNEL Channel, const UPCALL_SUBSCRIBE_INPUT *Input,
               PFILE_OBJECT FileObject)
{
    if (Input->Topics == 0 || (Input->Flags & ~UPCALL_SUBSCRIBE_FLAGS) != 0 || Input->Reserved != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Input->QueueBytes < UPCALL_MIN_QUEUE_BYTES || Input->QueueBytes > UPCALL_MAX_QUEUE_BYTES ||
        (Input->QueueBytes & (Input->QueueBytes - 1u)) != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Input->Signal < UPCALL_SIGNAL_EVENT || Input->Signal > UPCALL_SIGNAL_COMPLETION ||
        Input->DataPath != UPCALL_DATA_READ || Input->Policy != UPCALL_POLICY_DROP_NEWEST)
    {
        return STATUS_NOT_SUPPORTED;
    }
    NTSTATUS status = CheckSignal(Input, FileObject);
    if (status == STATUS_SUCCESS && Input->QueueBytes > Channel->Limits.MaxQueueBytes)
    {
        status = STATUS_QUOTA_EXCEEDED;
    }
    return status;
}

// ---- IOCTLs -------------------------------------------------------------------------------------

static NTSTATUS
Hello(PUPCALL_CHANNEL Channel, REQUEST *Request)
{
    UPCALL_HELLO_INPUT input;
    ULONG versions[2] = {0, 0};
    if (Request->InputBytes >= 3 * sizeof(ULONG))
    {
        RtlCopyMemory(versions, (const UCHAR *)Request->Buffer + sizeof(ULONG), sizeof(versions));
        if (versions[1] > UPCALL_PROTOCOL_VERSION || versions[0] < UPCALL_PROTOCOL_VERSION_OLDEST)
        {
            return STATUS_REVISION_MISMATCH;
        }
    }
    NTSTATUS status = CopyInput(Request, &input, sizeof(input));
    if (status != STATUS_SUCCESS)
    {
        return status;
    }
    if (input.VersionOldest > input.Version || input.Reserved != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    if (Request->OutputBytes < sizeof(UPCALL_HELLO_OUTPUT))
    {
        return STATUS_BUFFER_TOO_SMALL;
    }
    UPCALL_HELLO_OUTPUT output = Channel->Limits;
    output.Version =
        input.Version < UPCALL_PROTOCOL_VERSION ? input.Version : UPCALL_PROTOCOL_VERSION;
    WriteOutput(Request, &output, sizeof(output));
    return STATUS_SUCCESS;
}

static NTSTATUS
Subscribe(PUPCALL_CHANNEL Channel, REQUEST *Request)
{
    UPCALL_SUBSCRIBE_INPUT input;
    UPCALL_SUBSCRIBE_OUTPUT output;
    if (!VersionIsOurs(Request))
    {
        return STATUS_REVISION_MISMATCH;
    }
    NTSTATUS status = CopyInput(Request, &input, sizeof(input));
    if (status == STATUS_SUCCESS && Request->OutputBytes < sizeof(output))
    {
        status = STATUS_BUFFER_TOO_SMALL;
    }
    if (status == STATUS_SUCCESS)
    {
        status = CheckSubscribe(Channel, &input, Request->FileObject);
    }
    if (status == STATUS_SUCCESS)
    {
        status = UpcallSubscribeFile(Channel, Request->FileObject, &input, &output);
    }
    if (status == STATUS_SUCCESS)
    {
        WriteOutput(Request, &output, sizeof(output));
    }
    return status;
}

// The subscription that the input names, referenced, if it is the caller's to name.
static NTSTATUS
FindNamed(PUPCALL_CHANNEL Channel, const REQUEST *Request, UPCALL_SUBSCRIPTION **Subscription)
{
    UPCALL_SUBSCRIPTION_INPUT input;
    *Subscription = NULL;
    NTSTATUS status = CopyInput(Request, &input, sizeof(input));
    if (status != STATUS_SUCCESS)
    {
        return status;
    }
    if (input.Reserved != 0)
    {
        return STATUS_INVALID_PARAMETER;
    }
    UPCALL_SUBSCRIPTION *found = input.SubscriptionId != 0
                                     ? UpcallTableFindId(Channel, input.SubscriptionId)
                                     : UpcallTableFindFile(Channel, Request->FileObject);
    if (found == NULL)
    {
        return STATUS_NOT_FOUND;
    }
    // A pointer compare: the process of an ended subscription may be gone, but is not looked into.
    if (found->Process != PsGetCurrentProcess())
    {
        UpcallSubscriptionDereference(found);
        return STATUS_ACCESS_DENIED;
    }
    *Subscription = found;
    return STATUS_SUCCESS;
}

static NTSTATUS
Unsubscribe(PUPCALL_CHANNEL Channel, REQUEST *Request)
{
    UPCALL_SUBSCRIPTION *subscription;
    NTSTATUS status = FindNamed(Channel, Request, &subscription);
    if (status == STATUS_SUCCESS)
    {
        status = UpcallSubscriptionEnd(subscription, UpcallEndUnsubscribe);
        UpcallSubscriptionDereference(subscription);
    }
    return status;
}

// Both locks, in their order: the counters of the two sides belong together.
static VOID
Snapshot(UPCALL_SUBSCRIPTION *Subscription, UPCALL_SUBSCRIPTION_STATISTICS *Statistics)
{
    KIRQL irql;
    RtlZeroMemory(Statistics, sizeof(*Statistics));
    Statistics->Size = sizeof(*Statistics);
    Statistics->QueueBytes = Subscription->QueueBytes;
    Statistics->SubscriptionId = Subscription->Id;
    Statistics->Topics = Subscription->Topics;
    KeAcquireSpinLock(&Subscription->ReadLock, &irql);
    KeAcquireSpinLockAtDpcLevel(&Subscription->Channel->Lock);
    Statistics->Matched = Subscription->Matched;
    Statistics->Delivered = Subscription->Delivered;
    Statistics->DeliveredBytes = Subscription->DeliveredBytes;
    Statistics->Lost = Subscription->Producer.LostTotal;
    Statistics->QueuedRecords = Subscription->Producer.PutTotal - Subscription->Delivered;
    Statistics->Batches = Subscription->Batches;
    Statistics->Doorbells = Subscription->Doorbells;
    Statistics->PendedReads = Subscription->PendedCount;
    KeReleaseSpinLockFromDpcLevel(&Subscription->Channel->Lock);
    KeReleaseSpinLock(&Subscription->ReadLock, irql);
}

static NTSTATUS
QuerySubscription(PUPCALL_CHANNEL Channel, REQUEST *Request)
{
    UPCALL_SUBSCRIPTION *subscription;
    NTSTATUS status = FindNamed(Channel, Request, &subscription);
    if (status != STATUS_SUCCESS)
    {
        return status;
    }
    if (Request->OutputBytes < sizeof(UPCALL_SUBSCRIPTION_STATISTICS))
    {
        status = STATUS_BUFFER_TOO_SMALL;
    }
    else
    {
        status = UpcallSubscriptionAcquire(subscription);
    }
    if (status == STATUS_SUCCESS)
    {
        UPCALL_SUBSCRIPTION_STATISTICS statistics;
        Snapshot(subscription, &statistics);
        UpcallRundownRelease(&subscription->Work);
        WriteOutput(Request, &statistics, sizeof(statistics));
    }
    UpcallSubscriptionDereference(subscription);
    return status;
}

static NTSTATUS
QueryChannel(PUPCALL_CHANNEL Channel, REQUEST *Request)
{
    UPCALL_CHANNEL_INPUT input;
    UPCALL_CHANNEL_STATISTICS statistics;
    NTSTATUS status = CopyInput(Request, &input, sizeof(input));
    if (status == STATUS_SUCCESS && input.Reserved != 0)
    {
        status = STATUS_INVALID_PARAMETER;
    }
    if (status == STATUS_SUCCESS && Request->OutputBytes < sizeof(statistics))
    {
        status = STATUS_BUFFER_TOO_SMALL;
    }
    if (status == STATUS_SUCCESS)
    {
        UpcallChannelQuery(Channel, &statistics);
        WriteOutput(Request, &statistics, sizeof(statistics));
    }
    return status;
}

static BOOLEAN
IsStopping(PUPCALL_CHANNEL Channel)
{
    KIRQL irql;
    KeAcquireSpinLock(&Channel->TableLock, &irql);
    BOOLEAN stopping = Channel->Stopping;
    KeReleaseSpinLock(&Channel->TableLock, irql);
    return stopping;
}

// TRUE if the code is of the kit's device type; known or not, it is then the kit's to answer.
static BOOLEAN
DispatchControl(PUPCALL_CHANNEL Channel, PIRP Irp, NTSTATUS *Status)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    ULONG code = location->Parameters.DeviceIoControl.IoControlCode;
    if (code >> 16 != UPCALL_DEVICE_TYPE)
    {
        return FALSE;
    }

    NTSTATUS status;
    REQUEST request = {0};
    if ((code & 3u) == METHOD_BUFFERED)
    {
        request.FileObject = location->FileObject;
        request.Buffer = Irp->AssociatedIrp.SystemBuffer;
        request.InputBytes = location->Parameters.DeviceIoControl.InputBufferLength;
        request.OutputBytes = location->Parameters.DeviceIoControl.OutputBufferLength;
    }
    if (IsStopping(Channel))
    {
        status = STATUS_DEVICE_REMOVED;
    }
    else
    {
        // A code with another method or access than ours is another code, and none of ours.
        switch (code)
        {
        case UPCALL_IOCTL_HELLO:
            status = Hello(Channel, &request);
            break;
        case UPCALL_IOCTL_SUBSCRIBE:
            status = Subscribe(Channel, &request);
            break;
        case UPCALL_IOCTL_UNSUBSCRIBE:
            status = Unsubscribe(Channel, &request);
            break;
        case UPCALL_IOCTL_QUERY_SUBSCRIPTION:
            status = QuerySubscription(Channel, &request);
            break;
        case UPCALL_IOCTL_QUERY_CHANNEL:
            status = QueryChannel(Channel, &request);
            break;
        default:
            status = STATUS_INVALID_DEVICE_REQUEST;
            break;
        }
    }
    *Status = UpcallCompleteIrp(Irp, status, request.Written);
    return TRUE;
}

// ---- The rest -----------------------------------------------------------------------------------

static BOOLEAN
DispatchRead(PUPCALL_CHANNEL Channel, PIRP Irp, NTSTATUS *Status)
{
    UPCALL_SUBSCRIPTION *subscription =
        UpcallTableFindFile(Channel, IoGetCurrentIrpStackLocation(Irp)->FileObject);
    if (subscription == NULL)
    {
        return FALSE;
    }
    NTSTATUS status = UpcallSubscriptionAcquire(subscription);
    if (status == STATUS_SUCCESS)
    {
        *Status = UpcallRead(subscription, Irp);
        UpcallRundownRelease(&subscription->Work);
    }
    else
    {
        // Being made or just ended: as if there were none, but said by us.
        *Status = UpcallCompleteIrp(
            Irp, status == STATUS_DEVICE_REMOVED ? status : STATUS_INVALID_DEVICE_STATE, 0);
    }
    UpcallSubscriptionDereference(subscription);
    return TRUE;
}

static VOID
ObserveClose(PUPCALL_CHANNEL Channel, PFILE_OBJECT FileObject)
{
    UPCALL_SUBSCRIPTION *subscription = UpcallTableFindFile(Channel, FileObject);
    if (subscription != NULL)
    {
        (void)UpcallSubscriptionEnd(subscription, UpcallEndClose);
        UpcallSubscriptionDereference(subscription);
    }
}

_IRQL_requires_max_(APC_LEVEL)
BOOLEAN NTAPI
UpcallChannelDispatch(PUPCALL_CHANNEL Channel, PIRP Irp, NTSTATUS *Status)
{
    PIO_STACK_LOCATION location = IoGetCurrentIrpStackLocation(Irp);
    BOOLEAN taken = FALSE;

    *Status = STATUS_SUCCESS;
    UpcallRundownAcquire(&Channel->Work);
    switch (location->MajorFunction)
    {
    case IRP_MJ_CREATE:
        if (IsStopping(Channel))
        {
            *Status = STATUS_DEVICE_REMOVED;
        }
        break;
    case IRP_MJ_CLEANUP:
    case IRP_MJ_CLOSE:
        // Some systems send no cleanup; whichever comes first ends it, the other finds nothing.
        ObserveClose(Channel, location->FileObject);
        break;
    case IRP_MJ_READ:
        taken = DispatchRead(Channel, Irp, Status);
        break;
    case IRP_MJ_DEVICE_CONTROL:
        taken = DispatchControl(Channel, Irp, Status);
        break;
    default:
        break;
    }
    UpcallRundownRelease(&Channel->Work);
    return taken;
}
