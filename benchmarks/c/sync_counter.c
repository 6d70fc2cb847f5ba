/* Preloaded (LD_PRELOAD), counts the syncs of a process. */
#include <dlfcn.h>
#include <stdatomic.h>

static atomic_ulong count;

unsigned long sync_count(void) { return atomic_load(&count); }

static int counted(const char *name, int file) {
  int (*real)(int);
  *(void **)&real = dlsym(RTLD_NEXT, name);
  atomic_fetch_add(&count, 1);
  return real(file);
}

int fsync(int file) { return counted("fsync", file); }
int fdatasync(int file) { return counted("fdatasync", file); }
