// SPDX-License-Identifier: MIT
// upcall-bench: measures the paths that have goals, each with its peer in the same rounds.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static const char Usage[] =
    "usage: script/bench [--quick] [--json] [--samples FILE] [--rounds N]\n"
    "       [--verifier off|standard|full]\n"
    "\n"
    "Measures in rounds. Each round probes how long a cache line takes from one processor to the\n"
    "other, takes every measure with its peer, and probes again; rounds in which the processors moved\n"
    "or somebody else worked do not count. What is reported are medians over rounds of one class.\n"
    "  --quick         fewer rounds: under 3 minutes (whole: under 20)\n"
    "  --json          print a list of {name, value, unit, peer, peer_value, ratio, goal, met, ...};\n"
    "                  met is null, with a reason, where a goal could not be judged\n"
    "  --samples FILE  keep every sample, of rounds that do not count too, as CSV\n"
    "  --rounds N      run just N rounds, whether they count or not\n"
    "  --verifier L    nthost's checks (default standard, which the goals are for)\n"
    "Exit status: 0 measured (goals met or not), 1 something could not be measured, 2 wrong usage.\n";

typedef struct OPTIONS
{
    bool Quick, Json;
    unsigned Rounds;  // 0: until enough count
    const char *Samples;
    const char *Verifier;
} OPTIONS;

static int
Refuse(const char *What, const char *Why)
{
    fprintf(stderr, "upcall-bench: %s: %s (--help shows the usage)\n", What, Why);
    return 2;
}

static int
ParseOptions(int Count, char **Words, OPTIONS *Options)
{
    for (int At = 1; At < Count; At++)
    {
        const char *Word = Words[At];
        const char *Value = At + 1 < Count ? Words[At + 1] : NULL;
        if (strcmp(Word, "--quick") == 0)
        {
            Options->Quick = true;
            continue;
        }
        if (strcmp(Word, "--json") == 0)
        {
            Options->Json = true;
            continue;
        }
        if (strcmp(Word, "--samples") != 0 && strcmp(Word, "--verifier") != 0 &&
            strcmp(Word, "--rounds") != 0)
        {
            return Refuse(Word, "unknown option");
        }
        if (Value == NULL)
        {
            return Refuse(Word, "its value is missing");
        }
        At++;
        if (strcmp(Word, "--samples") == 0)
        {
            Options->Samples = Value;
        }
        else if (strcmp(Word, "--rounds") == 0)
        {
            char *End;
            long Rounds = strtol(Value, &End, 10);
            if (*Value == 0 || *End != 0 || Rounds < 1 || Rounds > 1000)
            {
                return Refuse(Word, "want a number from 1 to 1000");
            }
            Options->Rounds = (unsigned)Rounds;
        }
        else if (strcmp(Value, "off") == 0 || strcmp(Value, "standard") == 0 ||
                 strcmp(Value, "full") == 0)
        {
            Options->Verifier = Value;
        }
        else
        {
            return Refuse(Word, "want off, standard or full");
        }
    }
    return 0;
}

int
main(int Count, char **Words)
{
    OPTIONS Options = {.Verifier = "standard"};
    if (Count == 2 && (strcmp(Words[1], "--help") == 0 || strcmp(Words[1], "-h") == 0))
    {
        fputs(Usage, stdout);
        return 0;
    }
    int Status = ParseOptions(Count, Words, &Options);
    if (Status != 0)
    {
        return Status;
    }

    BENCH Bench = {.Processors = ProcessorCount(), .Verifier = Options.Verifier};
    if (!FolderOfSelf(Bench.Folder, sizeof(Bench.Folder)))
    {
        fputs("upcall-bench: cannot tell where it is installed (is /proc mounted?)\n", stderr);
        return 1;
    }
    // A file that cannot be written is said before the minutes of measuring, not after.
    if (Options.Samples != NULL && !ReportSamples(&Bench, Options.Samples))
    {
        return 1;
    }
    CatchInterrupts();
    Bench.StartedNs = NowNs();
    if (!RunRounds(&Bench, Options.Quick ? 15 : 60, Options.Rounds, Options.Quick ? 120 : 900))
    {
        fputs("\nupcall-bench: interrupted\n", stderr);
        return 130;
    }
    if (Options.Samples != NULL && !ReportSamples(&Bench, Options.Samples))
    {
        return 1;
    }
    if (Options.Json)
    {
        ReportJson(&Bench, stdout);
    }
    else
    {
        ReportTable(&Bench, stdout);
    }
    for (unsigned Index = 0; Index < MEASURE_COUNT; Index++)
    {
        // What a machine of this size cannot show is no failure; what went wrong is.
        if (Bench.Failed[Index] != NULL && !(Measures[Index].NeedsTwo && Bench.Processors < 2))
        {
            Status = 1;
        }
    }
    FreeRounds(&Bench);
    return Status;
}
