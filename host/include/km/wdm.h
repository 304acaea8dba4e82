// SPDX-License-Identifier: MIT
// The kernel surface for WDM drivers, with WDK's names, types and x64 layouts.
#ifndef NTHOST_WDM_H
#define NTHOST_WDM_H
#define _WDM_

#include "nt/base.h"
#include "nt/types.h"
#include "nt/crt.h"
#include "nt/rtl.h"
#include "nt/ke.h"
#include "nt/mm.h"
#include "nt/ex.h"
#include "nt/se.h"
#include "nt/ob.h"
#include "nt/io_types.h"
#include "nt/io.h"
#include "nt/io_csq.h"
#include "nt/ps.h"
#include "nt/zw.h"
#include "nt/layout.h"

#endif
