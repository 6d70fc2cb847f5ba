/* What the shims share: the system's calls without libc's names, which are ours here, and which descriptors
   belong to the folder that is watched. */
#ifndef CHAOS_CALLS_H
#define CHAOS_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES_MAX 4096

/* The folder whose files are watched, with a slash at the end; empty: none. Set once, before main. */
static char root[PATH_MAX];
static size_t root_size;

static inline void set_root(const char *folder) {
  if (folder == NULL || strlen(folder) + 2 > sizeof root) return;
  root_size = (size_t)snprintf(root, sizeof root, "%s/", folder);
}

/* The name inside of the folder; "" for the folder itself; NULL for all else. Paths are compared as text:
   SQLite and the engine resolve them before they use them. */
static inline const char *name_in_root(int directory, const char *path) {
  if (root_size == 0 || path == NULL || (path[0] != '/' && directory != AT_FDCWD)) return NULL;
  if (strncmp(path, root, root_size) == 0) return path + root_size;
  return strncmp(path, root, root_size - 1) == 0 && path[root_size - 1] == 0 ? "" : NULL;
}

static inline bool ends_with(const char *name, const char *end) {
  size_t size = strlen(name), end_size = strlen(end);
  return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

static inline int sys_open(int directory, const char *path, int flags, mode_t mode) {
  return (int)syscall(SYS_openat, directory, path, flags, mode);
}
static inline ssize_t sys_write(int file, const void *data, size_t size) {
  return syscall(SYS_write, file, data, size);
}
static inline ssize_t sys_pwrite(int file, const void *data, size_t size, off_t offset) {
  return syscall(SYS_pwrite64, file, data, size, offset);
}
static inline int sys_stat(int directory, const char *path, struct stat *status, int flags) {
  return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}
static inline int sys_fstat(int file, struct stat *status) { return (int)syscall(SYS_fstat, file, status); }

/* The mode that follows the flags of an open, if one does. */
#define MODE_AFTER(flags, mode)                                         \
  mode_t mode = 0;                                                      \
  if (((flags) & O_CREAT) != 0 || ((flags) & O_TMPFILE) == O_TMPFILE) { \
    va_list arguments;                                                  \
    va_start(arguments, flags);                                         \
    mode = va_arg(arguments, mode_t);                                   \
    va_end(arguments);                                                  \
  }

#endif
