// SPDX-License-Identifier: MIT
// Messages to the person at the terminal: errors with their remedy, a status line, JSON text.

#include "tool/tool.h"

#include <io.h>
#include <stdarg.h>
#include <string.h>

#define STANDARD_ERROR 2

static BOOL StatusShown;  // only the main thread shows status and says things
static size_t StatusLength;

void
ToolStatusEnd(void)
{
    if (StatusShown)
    {
        fputc('\n', stderr);
        StatusShown = FALSE;
        StatusLength = 0;
    }
}

void
ToolStatus(BOOL Always, const char *Format, ...)
{
    char Text[256];
    BOOL Terminal = _isatty(STANDARD_ERROR);
    va_list Values;

    if (!Terminal && !Always)
    {
        return;
    }
    va_start(Values, Format);
    vsnprintf(Text, sizeof(Text), Format, Values);
    va_end(Values);
    size_t Length = strlen(Text);
    if (Terminal)
    {
        // Blanks over what a longer line before may have left.
        fprintf(stderr, "\r%-*s", (int)StatusLength, Text);
        StatusShown = TRUE;
        StatusLength = Length;
    }
    else
    {
        fprintf(stderr, "%s\n", Text);
    }
    fflush(stderr);
}

void
ToolSay(const char *Format, ...)
{
    va_list Values;
    ToolStatusEnd();
    fputs("upcall: ", stderr);
    va_start(Values, Format);
    vfprintf(stderr, Format, Values);
    va_end(Values);
    fputc('\n', stderr);
}

int
ToolUsage(const char *Command, const char *Format, ...)
{
    va_list Values;
    fprintf(stderr, "upcall%s%s: ", Command != NULL ? " " : "", Command != NULL ? Command : "");
    va_start(Values, Format);
    vfprintf(stderr, Format, Values);
    va_end(Values);
    fprintf(stderr, " (upcall help%s%s shows the usage)\n", Command != NULL ? " " : "",
            Command != NULL ? Command : "");
    return TOOL_USAGE;
}

const char *
ToolErrorText(DWORD Error)
{
    static const struct
    {
        DWORD Error;
        const char *Text;
    } Known[] = {
        {ERROR_INVALID_FUNCTION, "the device does not know this request"},
        {ERROR_FILE_NOT_FOUND, "there is no such file or device"},
        {ERROR_PATH_NOT_FOUND, "there is no such path"},
        {ERROR_ACCESS_DENIED, "access denied"},
        {ERROR_INVALID_HANDLE, "the handle is not valid; the driver's host may have gone"},
        {ERROR_NOT_ENOUGH_MEMORY, "not enough memory"},
        {ERROR_BAD_COMMAND, "the device is not in a state for this request"},
        {ERROR_NOT_SUPPORTED, "not supported"},
        {ERROR_INVALID_PARAMETER, "a parameter is not valid"},
        {ERROR_DISK_FULL, "the disk is full"},
        {ERROR_BUSY, "busy"},
        {ERROR_ALREADY_EXISTS, "it exists already"},
        {ERROR_NO_SYSTEM_RESOURCES, "the system is out of resources"},
        {ERROR_OPERATION_ABORTED, "the request was cancelled"},
        {ERROR_REVISION_MISMATCH, "driver and tool are of versions that do not go together"},
        {ERROR_DEVICE_REMOVED, "the driver has stopped its channel"},
        {ERROR_NOT_ENOUGH_QUOTA, "a limit of subscriptions or queue bytes is reached"},
        {ERROR_INVALID_DATA, "the driver sent something that is no batch of records"},
    };
    static char Text[160];  // messages are made by the main thread only
    for (size_t Index = 0; Index < sizeof(Known) / sizeof(Known[0]); Index++)
    {
        if (Known[Index].Error == Error)
        {
            snprintf(Text, sizeof(Text), "%s (error %u)", Known[Index].Text, (unsigned)Error);
            return Text;
        }
    }
    snprintf(Text, sizeof(Text), "error %u", (unsigned)Error);
    return Text;
}

void
ToolDescribeNoDevice(const char *Device, DWORD Error, char *Text, size_t Size)
{
    if (Error == ERROR_FILE_NOT_FOUND || Error == ERROR_PATH_NOT_FOUND)
    {
        snprintf(Text, Size,
                 "%s is not there: load relay.sys (nthost run --driver relay.sys -- upcall ..., or "
                 "nthost start and nthost load relay.sys)",
                 Device);
    }
    else if (Error == ERROR_INVALID_FUNCTION)
    {
        snprintf(Text, Size, "%s is a device without an upcall channel", Device);
    }
    else
    {
        snprintf(Text, Size, "cannot open %s: %s", Device, ToolErrorText(Error));
    }
}

void
ToolPrintJsonText(FILE *File, const void *Text, size_t Length)
{
    const unsigned char *Bytes = Text;
    // UTF-8 passes as it is; in anything else a byte stands for the character of its number.
    BOOL Utf8 = Length > 0 &&
                MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, Text, (int)Length, NULL, 0) > 0;
    for (size_t Index = 0; Index < Length; Index++)
    {
        unsigned char Byte = Bytes[Index];
        if (Byte == '"' || Byte == '\\')
        {
            fprintf(File, "\\%c", Byte);
        }
        else if (Byte < 0x20 || Byte == 0x7F || (Byte >= 0x80 && !Utf8))
        {
            fprintf(File, "\\u%04x", (unsigned)Byte);
        }
        else
        {
            fputc(Byte, File);
        }
    }
}
