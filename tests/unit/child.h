// SPDX-License-Identifier: MIT
// Runs a piece of a test in a process of its own and catches how that ended and what it printed.
#ifndef TESTS_UNIT_CHILD_H
#define TESTS_UNIT_CHILD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__clang__)
#define BARE __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#else
#define BARE __attribute__((noipa, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif
// At the end of a function that must stay on the stack while what it calls last runs.
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

#define CHILD_SECONDS 120

typedef struct CHILD
{
    int Exit;               // exit status, or -1
    int Signal;             // that killed it, or 0
    char Text[256 * 1024];  // its standard error
} CHILD;

// The parent starts nothing before it forks (a forked child has no threads of its parent's). The child
// starts what it needs, and ends with status 0 when Routine returns.
static inline void
RunChild(void (*Routine)(void), CHILD *Child)
{
    size_t Used = 0;
    int Ends[2];
    int Status;
    pid_t Pid;

    assert_int_equal(pipe(Ends), 0);
    (void)fflush(NULL);
    Pid = fork();
    assert_true(Pid >= 0);
    if (Pid == 0)
    {
        (void)dup2(Ends[1], 2);
        (void)close(Ends[0]);
        (void)close(Ends[1]);
        (void)alarm(CHILD_SECONDS);
        Routine();
        _exit(0);
    }
    (void)close(Ends[1]);
    for (;;)
    {
        ssize_t Got = read(Ends[0], Child->Text + Used, sizeof(Child->Text) - 1 - Used);

        if (Got <= 0)
        {
            break;
        }
        Used += (size_t)Got;
    }
    Child->Text[Used] = '\0';
    (void)close(Ends[0]);
    assert_int_equal(waitpid(Pid, &Status, 0), Pid);
    Child->Exit = WIFEXITED(Status) ? WEXITSTATUS(Status) : -1;
    Child->Signal = WIFSIGNALED(Status) ? WTERMSIG(Status) : 0;
}

static inline void
AssertText(const CHILD *Child, const char *Wanted)
{
    if (strstr(Child->Text, Wanted) == NULL)
    {
        (void)dprintf(2, "wanted: %s\nin:\n%s\n", Wanted, Child->Text);
        fail();
    }
}

static inline void
AssertNoText(const CHILD *Child, const char *Unwanted)
{
    if (strstr(Child->Text, Unwanted) != NULL)
    {
        (void)dprintf(2, "not wanted: %s\nin:\n%s\n", Unwanted, Child->Text);
        fail();
    }
}

// The child ran to its end and said nothing.
static inline void
AssertClean(void (*Routine)(void))
{
    static CHILD Child;

    RunChild(Routine, &Child);
    if (Child.Exit != 0 || Child.Text[0] != '\0')
    {
        (void)dprintf(2, "exit %d, signal %d:\n%s\n", Child.Exit, Child.Signal, Child.Text);
        fail();
    }
}

// The child ended with one bugcheck report that holds both texts.
static inline void
AssertBugCheck(void (*Routine)(void), const char *Header, const char *Text)
{
    static CHILD Child;
    const char *First;

    RunChild(Routine, &Child);
    AssertText(&Child, Header);
    AssertText(&Child, Text);
    First = strstr(Child.Text, "*** BUGCHECK");
    assert_non_null(First);
    assert_null(strstr(First + 1, "*** BUGCHECK"));
    assert_int_equal(Child.Exit, 3);
}

// A condition of a child that does not hold ends it with its place; assertions only work in the parent.
#define CHECK(Condition)                                                               \
    do                                                                                 \
    {                                                                                  \
        if (!(Condition))                                                              \
        {                                                                              \
            (void)dprintf(2, "%s:%d: not true: %s\n", __FILE__, __LINE__, #Condition); \
            _exit(1);                                                                  \
        }                                                                              \
    } while (0)

static inline void
TestFilter(int Count, char **Arguments)
{
    if (Count > 1)
    {
        cmocka_set_test_filter(Arguments[1]);
    }
}

#endif
