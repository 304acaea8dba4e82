// SPDX-License-Identifier: MIT
// Local sockets: modes, stale files, descriptors, credentials, disconnection.
#define _GNU_SOURCE
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct PLACE
{
    char Directory[64];
    char Path[96];
} PLACE;

static void
MakePlace(PLACE *Place)
{
    strcpy(Place->Directory, "/tmp/nthost-unit-XXXXXX");
    assert_non_null(mkdtemp(Place->Directory));
    snprintf(Place->Path, sizeof(Place->Path), "%s/socket", Place->Directory);
}

static void
RemovePlace(PLACE *Place)
{
    (void)unlink(Place->Path);
    assert_int_equal(rmdir(Place->Directory), 0);  // and nothing else was left in it
}

static unsigned
CountOpenDescriptors(void)
{
    DIR *Directory = opendir("/proc/self/fd");
    unsigned Count = 0;

    assert_non_null(Directory);
    while (readdir(Directory) != NULL)
    {
        Count++;
    }
    (void)closedir(Directory);
    return Count;
}

static void
Connected(PLACE *Place, int *Listener, int *Client, int *Server)
{
    MakePlace(Place);
    assert_int_equal(OsSocketListen(Place->Path, Listener), OS_OK);
    assert_int_equal(OsSocketConnect(Place->Path, Client), OS_OK);
    assert_int_equal(OsSocketAccept(*Listener, Server), OS_OK);
}

static void
MessagesStayWhole(void **State)
{
    PLACE Place;
    int Listener, Client, Server;
    char Data[64];
    size_t Size = 0;
    uint32_t Pid = 0;
    uint32_t Uid = ~0u;

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    assert_int_equal(OsSocketPeer(Server, &Pid, &Uid), OS_OK);
    assert_int_equal(Pid, OsProcessId());
    assert_int_equal(Uid, getuid());
    assert_int_equal(OsSocketSend(Client, "one", 3, NULL, 0), OS_OK);
    assert_int_equal(OsSocketSend(Client, "three", 5, NULL, 0), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, NULL, NULL), OS_OK);
    assert_int_equal(Size, 3);
    assert_memory_equal(Data, "one", 3);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, NULL, NULL), OS_OK);
    assert_int_equal(Size, 5);
    assert_memory_equal(Data, "three", 5);
    assert_int_equal(OsSocketSend(Client, "", 0, NULL, 0), OS_E_INVALID);
    // A message larger than the room is refused whole, and the next one is intact.
    assert_int_equal(OsSocketSend(Client, "too long", 8, NULL, 0), OS_OK);
    assert_int_equal(OsSocketSend(Client, "ok", 2, NULL, 0), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, 4, &Size, NULL, NULL), OS_E_INVALID);
    assert_int_equal(OsSocketReceive(Server, Data, 4, &Size, NULL, NULL), OS_OK);
    assert_int_equal(Size, 2);
    OsClose(Client);
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

static void
OnlyTheOwnerMayConnect(void **State)
{
    PLACE Place;
    struct stat Status;
    mode_t Former = umask(0);
    int Listener;

    (void)State;
    MakePlace(&Place);
    assert_int_equal(OsSocketListen(Place.Path, &Listener), OS_OK);
    assert_int_equal(stat(Place.Path, &Status), 0);
    assert_int_equal(Status.st_mode & 07777, 0600);
    (void)umask(Former);
    OsClose(Listener);
    OsRemoveFile(Place.Path);
    assert_int_equal(access(Place.Path, F_OK), -1);
    OsRemoveFile(Place.Path);  // already gone: nothing happens
    RemovePlace(&Place);
}

static void
DescriptorsTravel(void **State)
{
    PLACE Place;
    int Listener, Client, Server, Shared;
    int Fds[4] = {-1, -1, -1, -1};
    unsigned FdCount = 4;
    char Data[8];
    size_t Size;
    char *Ours;
    char *Theirs;

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    assert_int_equal(OsSharedCreate("test", 4096, &Shared), OS_OK);
    assert_int_equal(OsSharedMap(Shared, 0, 4096, true, (void **)&Ours), OS_OK);
    assert_int_equal(OsSocketSend(Client, "fd", 2, (int[]){Shared, Client}, 2), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, Fds, &FdCount), OS_OK);
    assert_int_equal(FdCount, 2);
    assert_true((fcntl(Fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(OsSharedMap(Fds[0], 0, 4096, false, (void **)&Theirs), OS_OK);
    Ours[100] = 77;
    assert_int_equal(Theirs[100], 77);
    OsUnmap(Ours, 4096);
    OsUnmap(Theirs, 4096);
    OsClose(Fds[0]);
    OsClose(Fds[1]);
    // A message without any says so.
    FdCount = 4;
    assert_int_equal(OsSocketSend(Client, "x", 1, NULL, 0), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, Fds, &FdCount), OS_OK);
    assert_int_equal(FdCount, 0);
    OsClose(Shared);
    OsClose(Client);
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

static void
DescriptorsThatDoNotFitAreClosed(void **State)
{
    PLACE Place;
    int Listener, Client, Server;
    int Fds[4];
    unsigned FdCount = 1;
    unsigned Before;
    char Data[8];
    size_t Size;

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    Before = CountOpenDescriptors();
    assert_int_equal(OsSocketSend(Client, "x", 1, (int[]){0, 1, 2, 0, 1}, 5), OS_E_INVALID);
    assert_int_equal(OsSocketSend(Client, "x", 1, (int[]){2, 2}, 2), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, Fds, &FdCount),
                     OS_E_INVALID);
    assert_int_equal(FdCount, 0);
    assert_int_equal(OsSocketSend(Client, "x", 1, (int[]){2, 2}, 2), OS_OK);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, NULL, NULL), OS_E_INVALID);
    assert_int_equal(CountOpenDescriptors(), Before);
    OsClose(Client);
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

// More descriptors than OsSocketSend allows, as a hostile peer would send them.
static void
FloodOfDescriptorsIsRefused(void **State)
{
    PLACE Place;
    int Listener, Client, Server;
    int Fds[4];
    unsigned FdCount = 4;
    unsigned Before;
    char Data[8];
    size_t Size;
    union
    {
        struct cmsghdr Align;
        char Bytes[CMSG_SPACE(100 * sizeof(int))];
    } Control;
    char Byte = 0;
    struct iovec Part = {&Byte, 1};
    struct msghdr Message = {.msg_iov = &Part,
                             .msg_iovlen = 1,
                             .msg_control = Control.Bytes,
                             .msg_controllen = sizeof(Control.Bytes)};
    struct cmsghdr *Header;

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    Before = CountOpenDescriptors();
    memset(&Control, 0, sizeof(Control));
    Header = CMSG_FIRSTHDR(&Message);
    Header->cmsg_level = SOL_SOCKET;
    Header->cmsg_type = SCM_RIGHTS;
    Header->cmsg_len = CMSG_LEN(100 * sizeof(int));
    for (unsigned Index = 0; Index < 100; Index++)
    {
        memcpy(CMSG_DATA(Header) + Index * sizeof(int), &Server, sizeof(int));
    }
    assert_int_equal(sendmsg(Client, &Message, 0), 1);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, Fds, &FdCount),
                     OS_E_INVALID);
    assert_int_equal(FdCount, 0);
    assert_int_equal(CountOpenDescriptors(), Before);
    OsClose(Client);
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

static void
StaleFileIsReplacedLiveOneIsNot(void **State)
{
    PLACE Place;
    int Listener;
    int Second = -7;
    int Client = -7;

    (void)State;
    MakePlace(&Place);
    assert_int_equal(OsSocketConnect(Place.Path, &Client), OS_E_NOT_FOUND);
    assert_int_equal(OsSocketListen(Place.Path, &Listener), OS_OK);
    assert_int_equal(OsSocketListen(Place.Path, &Second), OS_E_EXISTS);
    assert_int_equal(Second, -7);
    OsClose(Listener);  // as a killed host leaves it: the file stays
    assert_int_equal(access(Place.Path, F_OK), 0);
    assert_int_equal(OsSocketConnect(Place.Path, &Client), OS_E_NOT_FOUND);
    assert_int_equal(Client, -7);
    assert_int_equal(OsSocketListen(Place.Path, &Listener), OS_OK);
    assert_int_equal(OsSocketConnect(Place.Path, &Client), OS_OK);
    OsClose(Client);
    OsClose(Listener);
    RemovePlace(&Place);
}

static void
OtherFilesAreNotTouched(void **State)
{
    PLACE Place;
    int Listener = -7;
    int File;
    char Path[200];

    (void)State;
    MakePlace(&Place);
    File = open(Place.Path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(File >= 0);
    assert_int_equal(write(File, "precious", 8), 8);
    OsClose(File);
    assert_int_equal(OsSocketListen(Place.Path, &Listener), OS_E_EXISTS);
    assert_int_equal(access(Place.Path, F_OK), 0);
    memset(Path, 'x', sizeof(Path));
    Path[sizeof(Path) - 1] = '\0';
    assert_int_equal(OsSocketListen(Path, &Listener), OS_E_INVALID);
    assert_int_equal(OsSocketConnect(Path, &Listener), OS_E_INVALID);
    assert_int_equal(OsSocketListen("", &Listener), OS_E_INVALID);
    snprintf(Path, sizeof(Path), "%s/absent/socket", Place.Directory);
    assert_int_equal(OsSocketListen(Path, &Listener), OS_E_NOT_FOUND);
    assert_int_equal(Listener, -7);
    RemovePlace(&Place);
}

typedef struct BLOCKED
{
    int Fd;
    int Result;
} BLOCKED;

static void
ReceiveOnce(void *Context)
{
    BLOCKED *Blocked = Context;
    char Data[8];
    size_t Size;

    Blocked->Result = OsSocketReceive(Blocked->Fd, Data, sizeof(Data), &Size, NULL, NULL);
}

static void
AcceptOnce(void *Context)
{
    BLOCKED *Blocked = Context;
    int Fd;

    Blocked->Result = OsSocketAccept(Blocked->Fd, &Fd);
}

static void
ShutdownEndsBlockedCalls(void **State)
{
    PLACE Place;
    int Listener, Client, Server;
    BLOCKED Receiver, Acceptor;
    OS_THREAD *Threads[2];

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    Receiver = (BLOCKED){Server, 1};
    Acceptor = (BLOCKED){Listener, 1};
    assert_int_equal(OsThreadStart(ReceiveOnce, &Receiver, "receive", &Threads[0]), OS_OK);
    assert_int_equal(OsThreadStart(AcceptOnce, &Acceptor, "accept", &Threads[1]), OS_OK);
    // Before or after they block: the result must be the same.
    OsSocketShutdown(Server);
    OsSocketShutdown(Listener);
    OsThreadJoin(Threads[0]);
    OsThreadJoin(Threads[1]);
    assert_int_equal(Receiver.Result, OS_E_DISCONNECTED);
    assert_int_equal(Acceptor.Result, OS_E_DISCONNECTED);
    OsClose(Client);
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

static void
DisconnectionIsSeenByBothCalls(void **State)
{
    PLACE Place;
    int Listener, Client, Server;
    char Data[8];
    size_t Size;

    (void)State;
    Connected(&Place, &Listener, &Client, &Server);
    assert_int_equal(OsSocketSend(Client, "last", 4, NULL, 0), OS_OK);
    OsClose(Client);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, NULL, NULL), OS_OK);
    assert_int_equal(Size, 4);
    assert_int_equal(OsSocketReceive(Server, Data, sizeof(Data), &Size, NULL, NULL),
                     OS_E_DISCONNECTED);
    assert_int_equal(OsSocketSend(Server, "x", 1, NULL, 0), OS_E_DISCONNECTED);  // and no SIGPIPE
    OsClose(Server);
    OsClose(Listener);
    RemovePlace(&Place);
}

int
main(int Count, char **Arguments)
{
    const struct CMUnitTest Tests[] = {
        cmocka_unit_test(MessagesStayWhole),
        cmocka_unit_test(OnlyTheOwnerMayConnect),
        cmocka_unit_test(DescriptorsTravel),
        cmocka_unit_test(DescriptorsThatDoNotFitAreClosed),
        cmocka_unit_test(FloodOfDescriptorsIsRefused),
        cmocka_unit_test(StaleFileIsReplacedLiveOneIsNot),
        cmocka_unit_test(OtherFilesAreNotTouched),
        cmocka_unit_test(ShutdownEndsBlockedCalls),
        cmocka_unit_test(DisconnectionIsSeenByBothCalls),
    };

    TestFilter(Count, Arguments);
    return cmocka_run_group_tests_name("os.socket", Tests, NULL, NULL);
}
