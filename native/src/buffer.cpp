// Weights in tiles, through upstream's own mechanism: a buffer type that llama.cpp picks for the weights of
// matrix products (llama_model_params.use_extra_bufts) and that repacks them while they are loaded. Takes
// the place of upstream's repack.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "repack.h"

#include "ggml-backend-impl.h"
#include "ggml-cpu-impl.h"
#include "ggml-cpu.h"
#include "traits.h"

extern "C" {
#include "ops_matmul.h"
#include "tiles.h"
}

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#endif

namespace {

// When the weights come from a model file mapped into memory, its pages are not needed any more once they are
// packed: without this the process holds the model twice. Only a shared mapping of a file is touched, whose
// pages come back from the file if anybody asks.
void release_source(const void * data, size_t size) {
#if defined(__linux__)
    const uintptr_t first = reinterpret_cast<uintptr_t>(data), last = first + size;
    FILE * maps = fopen("/proc/self/maps", "r");
    char line[512];
    while (maps && fgets(line, sizeof line, maps)) {
        uintptr_t start, end, offset;
        uint64_t inode;
        char mode[8];
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %" SCNxPTR " %*s %" SCNu64, &start, &end, mode, &offset, &inode) == 5 &&
            start <= first && last <= end && mode[3] == 's' && inode != 0) {
            const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
            const uintptr_t from = (first + page - 1) / page * page, to = last / page * page;
            if (from < to) {
                madvise(reinterpret_cast<void *>(from), to - from, MADV_DONTNEED);
            }
            break;
        }
    }
    if (maps) {
        fclose(maps);
    }
#else
    (void) data, (void) size;
#endif
}

constexpr size_t alignment = 64;

bool packable(const ggml_tensor * t) {
    return ggml_n_dims(t) == 2 && ggml_is_contiguous(t) && ez_format_of(t->type, t->ne[0]) != EZ_FORMATS;
}

size_t packed_bytes(const ggml_tensor * t) {
    const int64_t tiles = (t->ne[1] + EZ_TILE - 1) / EZ_TILE;
    return ez_tile_bytes(ez_format_of(t->type, t->ne[0]), t->ne[0]) * static_cast<size_t>(tiles);
}

class tile_traits : public ggml::cpu::tensor_traits {
    bool work_size(int n_threads, const ggml_tensor * op, size_t & size) override {
        size = ez_matmul_workspace(n_threads, op);
        return true;
    }
    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        GGML_ASSERT(ez_matmul(params, op, true));
        return true;
    }
};

tile_traits traits;

ggml_status init_tensor(ggml_backend_buffer_t, ggml_tensor * tensor) {
    tensor->extra = packable(tensor) ? static_cast<ggml::cpu::tensor_traits *>(&traits) : nullptr;
    return GGML_STATUS_SUCCESS;
}

void set_tensor(ggml_backend_buffer_t, ggml_tensor * tensor, const void * data, size_t offset, size_t size) {
    GGML_ASSERT(offset == 0 && size == ggml_nbytes(tensor) && packable(tensor));
    const auto format = ez_format_of(tensor->type, tensor->ne[0]);
    const size_t bytes = ez_tile_bytes(format, tensor->ne[0]);
    for (int64_t row = 0; row < tensor->ne[1]; row += EZ_TILE) {
        const int64_t rows = tensor->ne[1] - row < EZ_TILE ? tensor->ne[1] - row : EZ_TILE;
        ez_pack_tile(format, static_cast<uint8_t *>(tensor->data) + static_cast<size_t>(row / EZ_TILE) * bytes,
                     static_cast<const uint8_t *>(data) + static_cast<size_t>(row) * tensor->nb[1], tensor->nb[1],
                     static_cast<int>(rows), tensor->ne[0]);
    }
    release_source(data, size);
}

const char * type_name(ggml_backend_buffer_type_t) { return "CPU_TILES"; }

size_t type_alignment(ggml_backend_buffer_type_t) { return alignment; }

size_t type_alloc_size(ggml_backend_buffer_type_t, const ggml_tensor * tensor) {
    const size_t bytes = ggml_nbytes(tensor);
    return packable(tensor) && packed_bytes(tensor) > bytes ? packed_bytes(tensor) : bytes;
}

ggml_backend_buffer_t type_alloc_buffer(ggml_backend_buffer_type_t type, size_t size) {
    ggml_backend_buffer_t buffer = ggml_backend_buft_alloc_buffer(ggml_backend_cpu_buffer_type(), size);
    if (buffer) {
        buffer->buft              = type;
        buffer->iface.init_tensor = init_tensor;
        buffer->iface.set_tensor  = set_tensor;
        buffer->iface.get_tensor  = nullptr;
        buffer->iface.cpy_tensor  = nullptr;
    }
    return buffer;
}

class tile_buffer_type : public ggml::cpu::extra_buffer_type {
    bool supports_op(ggml_backend_dev_t, const ggml_tensor * op) override {
        const ggml_tensor * w = op->src[0];
        const ggml_tensor * x = op->src[1];
        return op->op == GGML_OP_MUL_MAT && w->buffer && w->buffer->buft == ggml_backend_cpu_repack_buffer_type() &&
               packable(w) && x->type == GGML_TYPE_F32 && x->nb[0] == sizeof(float) &&
               (!x->buffer || ggml_backend_buft_is_host(x->buffer->buft));
    }
    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        const bool ours = op->op == GGML_OP_MUL_MAT && op->src[0]->buffer &&
                          op->src[0]->buffer->buft == ggml_backend_cpu_repack_buffer_type();
        return ours ? static_cast<ggml::cpu::tensor_traits *>(op->src[0]->extra) : nullptr;
    }
};

}  // namespace

ggml_backend_buffer_type_t ggml_backend_cpu_repack_buffer_type(void) {
    static ggml_backend_buffer_type type = {
        /* .iface   = */ {
            /* .get_name       = */ type_name,
            /* .alloc_buffer   = */ type_alloc_buffer,
            /* .get_alignment  = */ type_alignment,
            /* .get_max_size   = */ nullptr,
            /* .get_alloc_size = */ type_alloc_size,
            /* .is_host        = */ nullptr,
        },
        /* .device  = */ ggml_backend_reg_dev_get(ggml_backend_cpu_reg(), 0),
        /* .context = */ new tile_buffer_type(),
    };
    return &type;
}
