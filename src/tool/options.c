// SPDX-License-Identifier: MIT
// The options of a command: a table of names, kinds and places.

#include "tool/tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <upcall/protocol.h>

// A number, decimal or with 0x; FALSE if Text is not one, whole and within 64 bits.
static BOOL
ReadNumber(const char *Text, char **End, COUNT *Number)
{
    BOOL Hex = Text[0] == '0' && (Text[1] == 'x' || Text[1] == 'X');
    COUNT Value = 0;
    const char *At = Text + (Hex ? 2 : 0);
    const char *First = At;
    unsigned Base = Hex ? 16 : 10;

    for (; Hex ? isxdigit((unsigned char)*At) : isdigit((unsigned char)*At); At++)
    {
        unsigned Digit = isdigit((unsigned char)*At) ? (unsigned)(*At - '0')
                                                     : (unsigned)(tolower(*At) - 'a') + 10u;
        if (Value > (~0ull - Digit) / Base)
        {
            return FALSE;
        }
        Value = Value * Base + Digit;
    }
    *End = (char *)(ULONG_PTR)At;
    *Number = Value;
    return At != First;
}

static int
SetNumber(const char *Command, const TOOL_OPTION *Option, const char *Text)
{
    char *End;
    COUNT Number;
    if (!ReadNumber(Text, &End, &Number) || *End != 0 || Number < Option->Least ||
        Number > Option->Most)
    {
        return ToolUsage(Command, "%s %s: want a number from %llu to %llu", Option->Name, Text,
                         Option->Least, Option->Most);
    }
    *(COUNT *)Option->Value = Number;
    return TOOL_OK;
}

static int
SetTopics(const char *Command, const TOOL_OPTION *Option, const char *Text)
{
    COUNT Mask = 0;
    const char *At = Text;
    char *End;

    if (strcmp(Text, "all") == 0)
    {
        *(COUNT *)Option->Value = ~0ull;
        return TOOL_OK;
    }
    if (Text[0] == '0' && (Text[1] == 'x' || Text[1] == 'X'))
    {
        if (ReadNumber(Text, &End, &Mask) && *End == 0 && Mask != 0)
        {
            *(COUNT *)Option->Value = Mask;
            return TOOL_OK;
        }
        At = "";
    }
    while (*At != 0)
    {
        COUNT First, Last;
        if (!ReadNumber(At, &End, &First))
        {
            break;
        }
        Last = First;
        if (*End == '-' && !ReadNumber(End + 1, &End, &Last))
        {
            break;
        }
        if (Last >= UPCALL_MAX_TOPICS || First > Last)
        {
            break;
        }
        for (COUNT Topic = First; Topic <= Last; Topic++)
        {
            Mask |= 1ull << Topic;
        }
        if (*End == 0)
        {
            *(COUNT *)Option->Value = Mask;
            return TOOL_OK;
        }
        if (*End != ',')
        {
            break;
        }
        At = End + 1;
    }
    return ToolUsage(Command,
                     "%s %s: want topics from 0 to %u such as 1,4,10-12, a mask such as "
                     "0x412, or all",
                     Option->Name, Text, UPCALL_MAX_TOPICS - 1);
}

// The option that Word names, its value behind "=" in *Inline (NULL if there is none).
static const TOOL_OPTION *
FindOption(const TOOL_OPTION *Table, const char *Word, const char **Inline)
{
    for (; Table->Name != NULL; Table++)
    {
        size_t Length = strlen(Table->Name);
        if (strncmp(Word, Table->Name, Length) == 0 && (Word[Length] == 0 || Word[Length] == '='))
        {
            *Inline = Word[Length] == '=' ? Word + Length + 1 : NULL;
            return Table;
        }
    }
    return NULL;
}

int
ToolParse(const char *Command, const TOOL_OPTION *Table, int Count, char **Words)
{
    for (int Index = 0; Index < Count; Index++)
    {
        const char *Value;
        const TOOL_OPTION *Option = FindOption(Table, Words[Index], &Value);
        int Status = TOOL_OK;
        if (Option == NULL)
        {
            return ToolUsage(Command, "unknown option %s", Words[Index]);
        }
        if (Option->Kind == ToolFlag)
        {
            if (Value != NULL)
            {
                return ToolUsage(Command, "%s takes no value", Option->Name);
            }
            *(BOOL *)Option->Value = TRUE;
            continue;
        }
        if (Value == NULL)
        {
            if (Index + 1 >= Count)
            {
                return ToolUsage(Command, "%s needs a value", Option->Name);
            }
            Value = Words[++Index];
        }
        if (Option->Kind == ToolText)
        {
            if (*Value == 0)
            {
                return ToolUsage(Command, "%s: the value is empty", Option->Name);
            }
            *(const char **)Option->Value = Value;
        }
        else
        {
            Status = Option->Kind == ToolNumber ? SetNumber(Command, Option, Value)
                                                : SetTopics(Command, Option, Value);
        }
        if (Status != TOOL_OK)
        {
            return Status;
        }
    }
    return TOOL_OK;
}
