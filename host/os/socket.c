// SPDX-License-Identifier: MIT
// Local sockets: whole messages, descriptors that travel with them, and who the peer is.
#define _GNU_SOURCE
#include "host/os/os_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4u
#define BACKLOG         64

typedef union CONTROL
{
    struct cmsghdr Align;
    char Bytes[CMSG_SPACE(MAX_DESCRIPTORS * sizeof(int))];
} CONTROL;

static int
MakeAddress(const char *Path, struct sockaddr_un *Address)
{
    size_t Length = strlen(Path);

    if (Length == 0 || Length >= sizeof(Address->sun_path))
    {
        return OS_E_INVALID;
    }
    memset(Address, 0, sizeof(*Address));
    Address->sun_family = AF_UNIX;
    memcpy(Address->sun_path, Path, Length);
    return OS_OK;
}

static int
NewSocket(int *Fd)
{
    *Fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return *Fd >= 0 ? OS_OK : OspError(errno);
}

// Opens and locks the directory that holds Path. Whoever looks whether a socket file is stale and then
// replaces it holds this lock, else two hosts that start together could each remove the other's. It
// leaves no file behind, and dies with its holder.
static int
LockDirectory(const char *Path, int *Fd)
{
    struct sockaddr_un Room;
    char Directory[sizeof(Room.sun_path) + 1];
    const char *Slash = strrchr(Path, '/');
    int Error;

    if (Slash == NULL)
    {
        strcpy(Directory, ".");
    }
    else
    {
        size_t Length = Slash == Path ? 1 : (size_t)(Slash - Path);

        memcpy(Directory, Path, Length);
        Directory[Length] = '\0';
    }
    *Fd = open(Directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*Fd < 0)
    {
        return OspError(errno);
    }
    while (flock(*Fd, LOCK_EX) != 0)
    {
        if (errno != EINTR)
        {
            Error = OspError(errno);
            OsClose(*Fd);
            return Error;
        }
    }
    return OS_OK;
}

// Is there a socket file at this address to which nobody listens any more?
static int
CheckStale(const struct sockaddr_un *Address)
{
    struct stat Status;
    int Probe;
    int Error;

    if (lstat(Address->sun_path, &Status) != 0)
    {
        return errno == ENOENT ? OS_OK : OspError(errno);
    }
    if (!S_ISSOCK(Status.st_mode))
    {
        return OS_E_EXISTS;  // somebody's file: not ours to replace
    }
    Error = NewSocket(&Probe);
    if (Error != OS_OK)
    {
        return Error;
    }
    // Not blocking: a full backlog (EAGAIN) means that somebody lives there.
    (void)fcntl(Probe, F_SETFL, O_NONBLOCK);
    if (connect(Probe, (const struct sockaddr *)Address, sizeof(*Address)) == 0)
    {
        Error = OS_E_EXISTS;
    }
    else if (errno == ECONNREFUSED)
    {
        Error = OS_OK;
    }
    else
    {
        Error = errno == EACCES || errno == EPERM ? OS_E_ACCESS : OS_E_EXISTS;
    }
    OsClose(Probe);
    return Error;
}

static int
BindListener(int Listener, const struct sockaddr_un *Address)
{
    // The file inherits the mode of the socket's own inode: it is never, not for an instant, open to
    // others. (umask would do it for the whole process, other threads' files included.)
    if (fchmod(Listener, S_IRUSR | S_IWUSR) != 0)
    {
        return OspError(errno);
    }
    if (bind(Listener, (const struct sockaddr *)Address, sizeof(*Address)) != 0)
    {
        int Error;

        if (errno != EADDRINUSE)
        {
            return OspError(errno);
        }
        Error = CheckStale(Address);
        if (Error != OS_OK)
        {
            return Error;
        }
        if ((unlink(Address->sun_path) != 0 && errno != ENOENT) ||
            bind(Listener, (const struct sockaddr *)Address, sizeof(*Address)) != 0)
        {
            return OspError(errno);
        }
    }
    if (listen(Listener, BACKLOG) != 0)
    {
        int Error = OspError(errno);

        (void)unlink(Address->sun_path);
        return Error;
    }
    return OS_OK;
}

int
OsSocketListen(const char *Path, int *Fd)
{
    struct sockaddr_un Address;
    int Directory;
    int Listener;
    int Error = MakeAddress(Path, &Address);

    if (Error != OS_OK)
    {
        return Error;
    }
    Error = LockDirectory(Path, &Directory);
    if (Error != OS_OK)
    {
        return Error;
    }
    Error = NewSocket(&Listener);
    if (Error == OS_OK)
    {
        Error = BindListener(Listener, &Address);
        if (Error == OS_OK)
        {
            *Fd = Listener;
        }
        else
        {
            OsClose(Listener);
        }
    }
    OsClose(Directory);  // unlocks it
    return Error;
}

int
OsSocketConnect(const char *Path, int *Fd)
{
    struct sockaddr_un Address;
    int Socket;
    int Error = MakeAddress(Path, &Address);

    if (Error != OS_OK)
    {
        return Error;
    }
    Error = NewSocket(&Socket);
    if (Error != OS_OK)
    {
        return Error;
    }
    while (connect(Socket, (struct sockaddr *)&Address, sizeof(Address)) != 0)
    {
        if (errno != EINTR)
        {
            Error = OspError(errno);
            OsClose(Socket);
            return Error;
        }
    }
    *Fd = Socket;
    return OS_OK;
}

int
OsSocketAccept(int Listener, int *Fd)
{
    for (;;)
    {
        int Accepted = accept4(Listener, NULL, NULL, SOCK_CLOEXEC);

        if (Accepted >= 0)
        {
            *Fd = Accepted;
            return OS_OK;
        }
        if (errno == EINVAL)
        {
            return OS_E_DISCONNECTED;  // no longer listening: OsSocketShutdown
        }
        if (errno != EINTR && errno != ECONNABORTED)
        {
            return OspError(errno);
        }
    }
}

int
OsSocketPeer(int Fd, uint32_t *Pid, uint32_t *Uid)
{
    struct ucred Peer;
    socklen_t Size = sizeof(Peer);

    if (getsockopt(Fd, SOL_SOCKET, SO_PEERCRED, &Peer, &Size) != 0)
    {
        return OspError(errno);
    }
    *Pid = (uint32_t)Peer.pid;
    *Uid = (uint32_t)Peer.uid;
    return OS_OK;
}

int
OsSocketSend(int Fd, const void *Data, size_t Size, const int *Fds, unsigned FdCount)
{
    struct iovec Part = {(void *)Data, Size};
    CONTROL Control;
    struct msghdr Message = {.msg_iov = &Part, .msg_iovlen = 1};

    if (Size == 0 || FdCount > MAX_DESCRIPTORS)
    {
        return OS_E_INVALID;  // the receiver could not tell an empty message from the end
    }
    if (FdCount > 0)
    {
        struct cmsghdr *Header;

        memset(&Control, 0, sizeof(Control));
        Message.msg_control = Control.Bytes;
        Message.msg_controllen = CMSG_SPACE(FdCount * sizeof(int));
        Header = CMSG_FIRSTHDR(&Message);
        Header->cmsg_level = SOL_SOCKET;
        Header->cmsg_type = SCM_RIGHTS;
        Header->cmsg_len = CMSG_LEN(FdCount * sizeof(int));
        memcpy(CMSG_DATA(Header), Fds, FdCount * sizeof(int));
    }
    while (sendmsg(Fd, &Message, MSG_NOSIGNAL) < 0)
    {
        if (errno != EINTR)
        {
            return OspError(errno);
        }
    }
    return OS_OK;
}

// Takes the descriptors out of a received message. All or none: what does not fit is closed.
static int
TakeDescriptors(struct msghdr *Message, int *Fds, unsigned Room, unsigned *Count)
{
    int Taken[MAX_DESCRIPTORS];
    unsigned Found = 0;

    for (struct cmsghdr *Header = CMSG_FIRSTHDR(Message); Header != NULL;
         Header = CMSG_NXTHDR(Message, Header))
    {
        unsigned Here;

        if (Header->cmsg_level != SOL_SOCKET || Header->cmsg_type != SCM_RIGHTS)
        {
            continue;
        }
        // The control buffer has room for MAX_DESCRIPTORS in all, so this cannot overrun.
        Here = (unsigned)((Header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(&Taken[Found], CMSG_DATA(Header), Here * sizeof(int));
        Found += Here;
    }
    if (Found > Room || (Message->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    {
        while (Found > 0)
        {
            OsClose(Taken[--Found]);
        }
        return OS_E_INVALID;
    }
    if (Found > 0)
    {
        memcpy(Fds, Taken, Found * sizeof(int));
    }
    *Count = Found;
    return OS_OK;
}

int
OsSocketReceive(int Fd, void *Data, size_t Room, size_t *Size, int *Fds, unsigned *FdCount)
{
    struct iovec Part = {Data, Room};
    CONTROL Control;
    struct msghdr Message = {.msg_iov = &Part,
                             .msg_iovlen = 1,
                             .msg_control = Control.Bytes,
                             .msg_controllen = sizeof(Control.Bytes)};
    unsigned FdRoom = FdCount == NULL ? 0 : *FdCount;
    unsigned Received = 0;
    ssize_t Got;
    int Error;

    if (FdCount != NULL)
    {
        *FdCount = 0;
    }
    do
    {
        Got = recvmsg(Fd, &Message, MSG_CMSG_CLOEXEC);
    } while (Got < 0 && errno == EINTR);
    if (Got < 0)
    {
        return OspError(errno);
    }
    Error = TakeDescriptors(&Message, Fds, FdRoom, &Received);
    if (Error != OS_OK)
    {
        return Error;
    }
    if (Got == 0)
    {
        // OsSocketSend refuses empty messages; a hostile peer that forces one is hung up on.
        while (Received > 0)
        {
            OsClose(Fds[--Received]);
        }
        return OS_E_DISCONNECTED;
    }
    *Size = (size_t)Got;
    if (FdCount != NULL)
    {
        *FdCount = Received;
    }
    return OS_OK;
}

void
OsSocketShutdown(int Fd)
{
    (void)shutdown(Fd, SHUT_RDWR);
}
