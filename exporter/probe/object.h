// SPDX-License-Identifier: Apache-2.0
#pragma once

// What other rooms need of BPF objects: look into one, load one, see how its programs do.
#include "probe/embedded_object.h"
#include "probe/generation.h"
#include "probe/libbpf_log.h"
#include "probe/loader.h"
#include "probe/object_info.h"
#include "probe/object_source.h"
#include "probe/program_status.h"
