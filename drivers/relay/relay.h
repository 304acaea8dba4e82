// SPDX-License-Identifier: MIT
// What an application says to the relay driver: records to publish, in a write or from its timer.
#ifndef RELAY_H
#define RELAY_H

#include <stdint.h>

#include <upcall/protocol.h>

// The device, as CreateFile and UpcallOpen name it. Users may open it for reading and writing.
#define RELAY_DEVICE_PATH L"\\\\.\\UpcallRelay"

// A write holds one or more records, each an UPCALL_RELAY_HEADER and its payload, each beginning at
// a multiple of RELAY_ALIGNMENT from the start of the write. Records are published in the order of
// the writes, and within a write in theirs. The write completes when its records have been
// published, so a record that was fed is a record that was published; until then it pends, and can
// be cancelled while no record of it has been published. A write that is malformed anywhere
// publishes nothing:
//   ERROR_INVALID_PARAMETER (STATUS_INVALID_PARAMETER): no record, a header that does not fit, Size
//     shorter than the header or longer than what is left, a topic of UPCALL_MAX_TOPICS or more,
//     Flags or Reserved not 0.
//   ERROR_INVALID_USER_BUFFER (STATUS_INVALID_BUFFER_SIZE): a payload over UPCALL_MAX_RECORD_BYTES,
//     or a write over RELAY_MAX_WRITE_BYTES.
#define RELAY_ALIGNMENT       8u
#define RELAY_MAX_WRITE_BYTES (1u << 20)

typedef struct UPCALL_RELAY_HEADER
{
    uint32_t Size;      // bytes of this header and its payload, without rounding
    uint32_t Topic;     // 0 .. UPCALL_MAX_TOPICS - 1
    uint32_t Flags;     // zero
    uint32_t Reserved;  // zero
} UPCALL_RELAY_HEADER;

_Static_assert(sizeof(UPCALL_RELAY_HEADER) == 16, "relay header");

#define RELAY_DEVICE_TYPE  0xB5C2u
#define RELAY_WRITE_ACCESS 2u
#define RELAY_CODE(Function) \
    ((RELAY_DEVICE_TYPE << 16) | (RELAY_WRITE_ACCESS << 14) | (0x800u + (Function)) << 2)

// Publishes Count records from a timer DPC: PerTick of them every PeriodMs. METHOD_BUFFERED, write
// access, no output. Returns when the timer has started; it stops by itself after Count records.
// The payload of record i (from 0) is RecordBytes long: i as a little-endian 64-bit number, then
// bytes of value i & 0xFF.
//   ERROR_BAD_LENGTH: not exactly this structure. ERROR_INVALID_PARAMETER: out of range.
//   ERROR_BUSY (STATUS_DEVICE_BUSY): the timer is running.
#define RELAY_IOCTL_PUBLISH RELAY_CODE(0u)

typedef struct RELAY_PUBLISH_INPUT
{
    uint32_t Size;         // sizeof(RELAY_PUBLISH_INPUT)
    uint32_t Topic;        // 0 .. UPCALL_MAX_TOPICS - 1
    uint64_t Count;        // records, 1 or more
    uint32_t RecordBytes;  // 8 .. RELAY_MAX_TIMER_BYTES
    uint32_t PeriodMs;     // 1 .. 60000
    uint32_t PerTick;      // 1 .. UPCALL_MAX_NOTIFY_BATCH
    uint32_t Reserved;     // zero
} RELAY_PUBLISH_INPUT;

_Static_assert(sizeof(RELAY_PUBLISH_INPUT) == 32, "publish input");

#define RELAY_MAX_TIMER_BYTES 1024u

// Stops the timer; its DPC is not running any more when the call returns. METHOD_BUFFERED, write
// access, no input, no output. Legal when it is not running.
#define RELAY_IOCTL_PUBLISH_STOP RELAY_CODE(1u)

// Stops the channel for good, as a surprise removal would: UpcallChannelStop. METHOD_BUFFERED,
// write access, no input, no output. For tests; reload the driver to get a channel again.
#define RELAY_IOCTL_CHANNEL_STOP RELAY_CODE(2u)

#endif
