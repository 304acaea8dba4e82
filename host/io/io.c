// SPDX-License-Identifier: MIT
// Start and stop of the I/O manager: its object types.
#include "io/iop.h"

POBJECT_TYPE IopFileType, IopDeviceType, IopDriverType, IopCompletionType;
POBJECT_TYPE *IoFileObjectType = &IopFileType;

static const GENERIC_MAPPING FileMapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE,
                                            FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
static const GENERIC_MAPPING PortMapping = {
    STANDARD_RIGHTS_READ | IO_COMPLETION_QUERY_STATE,
    STANDARD_RIGHTS_WRITE | IO_COMPLETION_MODIFY_STATE,
    STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE,
    IO_COMPLETION_ALL_ACCESS,
};

NTSTATUS
IoStart(void)
{
    struct _OBJECT_TYPE Device = {.Mapping = FileMapping,
                                  .ValidAccess = FILE_ALL_ACCESS,
                                  .WaitOffset = -1,
                                  .Delete = IopDeleteDeviceBody,
                                  .Parse = IopParseDevice};
    struct _OBJECT_TYPE File = {.Mapping = FileMapping,
                                .ValidAccess = FILE_ALL_ACCESS,
                                .WaitOffset = FIELD_OFFSET(FILE_OBJECT, Event),
                                .Delete = IopDeleteFile,
                                .Close = IopCloseFile};
    struct _OBJECT_TYPE Driver = {
        .Mapping = FileMapping, .ValidAccess = FILE_ALL_ACCESS, .WaitOffset = -1};
    struct _OBJECT_TYPE Port = {.Mapping = PortMapping,
                                .ValidAccess = IO_COMPLETION_ALL_ACCESS,
                                .WaitOffset = -1,
                                .Delete = IopDeletePort,
                                .Close = IopClosePort};

    IopDeviceType = ObpCreateType("Device", &Device);
    IopFileType = ObpCreateType("File", &File);
    IopDriverType = ObpCreateType("Driver", &Driver);
    IopCompletionType = ObpCreateType("IoCompletion", &Port);
    if (IopDeviceType == NULL || IopFileType == NULL || IopDriverType == NULL ||
        IopCompletionType == NULL)
    {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    IopStartIrps();
    return STATUS_SUCCESS;
}

void
IoStop(void)
{
    IopStopDrivers();
    IopForgetLinks();
    IopStopIrps();
}
