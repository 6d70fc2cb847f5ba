/* What libdx keeps for each thread, for a forked child to begin anew. */
#ifndef PERDURE_CFORK_SHIM_H
#define PERDURE_CFORK_SHIM_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

/* In <link.h> only with _GNU_SOURCE; part of the ABI. */
struct perdure_image {
  Elf64_Addr base;
  const char *name;
  const Elf64_Phdr *headers;
  Elf64_Half header_count;
  unsigned long long added, removed;
  size_t thread_module;
  void *thread_data;
};

struct perdure_thread_index {
  unsigned long module, offset;
};

typedef int perdure_look(struct perdure_image *image, size_t size, void *user_data);
extern int perdure_each_image(perdure_look *look, void *user_data) __asm__("dl_iterate_phdr");
extern void *perdure_thread_data(struct perdure_thread_index *) __asm__("__tls_get_addr");

/* Of the image that this code is in. A size of 0: leave them alone. */
typedef struct perdure_thread_locals {
  struct perdure_thread_index index;
  size_t size;
} perdure_thread_locals;

static inline perdure_thread_locals *perdure_own_thread_locals(void) {
  static perdure_thread_locals own;
  return &own;
}

static int perdure_look_at_image(struct perdure_image *image, size_t size, void *unused) {
  perdure_thread_locals found = {{image->thread_module, 0}, 0};
  uintptr_t here = (uintptr_t)&perdure_look_at_image;
  int is_ours = 0, are_zero = 0;
  (void)size, (void)unused;
  for (int i = 0; i < image->header_count; i++) {
    const Elf64_Phdr *header = &image->headers[i];
    uintptr_t begin = image->base + header->p_vaddr;
    if (header->p_type == PT_LOAD && here >= begin && here - begin < header->p_memsz) is_ours = 1;
    if (header->p_type == PT_TLS) {
      found.size = header->p_memsz;
      are_zero = header->p_filesz == 0;
    }
  }
  /* A program has thread locals of its own beside ours. */
  int is_program = image->name == NULL || image->name[0] == '\0';
  if (is_ours && are_zero && !is_program) *perdure_own_thread_locals() = found;
  return is_ours;
}

/* Once, before the first fork. */
static inline void perdure_find_thread_locals(void) { perdure_each_image(perdure_look_at_image, NULL); }

/* On the only thread of a child: as those of a new thread. Swift's locks keep the number of the thread there,
   which is another one now, and the system refuses to wait for who has it in the parent. */
static inline void perdure_clear_thread_locals(void) {
  perdure_thread_locals *own = perdure_own_thread_locals();
  if (own->size > 0) memset(perdure_thread_data(&own->index), 0, own->size);
}

#endif
