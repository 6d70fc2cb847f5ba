/* Writes down what a process does to the files of a folder, for power_image.py to tell what a power cut may
   have left of them, and ends the process at a chosen operation.

     POWER_ROOT       the folder, without links in its path
     POWER_LOG        the journal; a file outside of the folder, appended to
     POWER_CUT        end at this operation, from 1; 0 or missing: never
     POWER_MATCH      count only operations on files whose names end so
     POWER_SYNC_US    how long a sync takes

   A sync lets time pass and does nothing else: the journal says what it would have kept. What is mapped (the
   index of the log, "-shm") is not watched, nothing of it needs to survive. */
#include "calls.h"

#include <pthread.h>
#include <sys/file.h>
#include <sys/uio.h>

enum kind { CREATE = 1, WRITE, TRUNCATE, SYNC_BEGIN, SYNC_END, UNLINK, RENAME, NOTE };

/* As in power_image.py. A name and data follow. */
struct record {
  uint32_t kind;
  uint32_t name_size;
  uint64_t file; /* The inode; of a sync of the folder: 0. */
  uint64_t offset;
  uint64_t size;
};

struct watched {
  bool is_watched;
  bool is_counted;
  uint64_t file;
};

static struct watched files[FILES_MAX];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
/* Between processes. */
static int gate = -1;
static const char *match = "";
static long cut, counted, sync_us;
static uint64_t syncs;

static long number(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? 0 : strtol(value, NULL, 10);
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("POWER_LOG");
  if (path == NULL || getenv("POWER_ROOT") == NULL) return;
  journal = sys_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  gate = sys_open(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (journal < 0 || gate < 0) abort();
  set_root(getenv("POWER_ROOT"));
  cut = number("POWER_CUT");
  sync_us = number("POWER_SYNC_US");
  if (getenv("POWER_MATCH") != NULL) match = getenv("POWER_MATCH");
}

static void enter(void) {
  pthread_mutex_lock(&mutex);
  while (syscall(SYS_flock, gate, LOCK_EX) != 0) {
  }
}

static void leave(void) {
  int cause = errno;
  syscall(SYS_flock, gate, LOCK_UN);
  pthread_mutex_unlock(&mutex);
  errno = cause;
}

/* The operation that is about to be. */
static void count(bool is_counted) {
  if (is_counted && ++counted == cut) syscall(SYS_exit_group, 99);
}

static void put(enum kind kind, const char *name, uint64_t file, uint64_t offset, const void *data,
                uint64_t size) {
  int cause = errno;
  struct record record = {kind, (uint32_t)strlen(name), file, offset, size};
  struct iovec parts[] = {
      {&record, sizeof record}, {(void *)name, record.name_size}, {(void *)data, data == NULL ? 0 : size}};
  size_t whole = sizeof record + record.name_size + (data == NULL ? 0 : size);
  if (syscall(SYS_writev, journal, parts, 3) != (long)whole) abort();
  errno = cause;
}

static struct watched *watched(int file) {
  if (file < 0 || file >= FILES_MAX || !files[file].is_watched) return NULL;
  return &files[file];
}

/* For the program: what somebody was told, in its place among the operations. */
void power_note(const char *text) {
  if (journal < 0) return;
  enter();
  put(NOTE, "", 0, 0, text, strlen(text));
  leave();
}

/* For the program: end at the nth operation from now. */
void power_arm(long nth) {
  enter();
  cut = counted + nth;
  leave();
}

static int open_any(int directory, const char *path, int flags, mode_t mode) {
  const char *name = name_in_root(directory, path);
  if (name == NULL || ends_with(name, "-shm")) {
    int file = sys_open(directory, path, flags, mode);
    if (file >= 0 && file < FILES_MAX) files[file].is_watched = false;
    return file;
  }
  enter();
  struct stat status;
  bool is_counted = ends_with(name, match);
  bool is_new = (flags & O_CREAT) != 0 && sys_stat(AT_FDCWD, path, &status, 0) != 0;
  if (is_new || (flags & O_TRUNC) != 0) count(is_counted);
  int file = sys_open(directory, path, flags, mode);
  if (file >= FILES_MAX) abort();
  if (file >= 0 && sys_fstat(file, &status) == 0) {
    uint64_t number = name[0] == 0 ? 0 : status.st_ino;
    files[file] = (struct watched){true, is_counted, number};
    if (is_new) put(CREATE, name, number, 0, NULL, 0);
    if ((flags & O_TRUNC) != 0) put(TRUNCATE, "", number, 0, NULL, 0);
  }
  leave();
  return file;
}

int open(const char *path, int flags, ...) {
  MODE_AFTER(flags, mode)
  return open_any(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE_AFTER(flags, mode)
  return open_any(AT_FDCWD, path, flags, mode);
}
int openat(int directory, const char *path, int flags, ...) {
  MODE_AFTER(flags, mode)
  return open_any(directory, path, flags, mode);
}
int openat64(int directory, const char *path, int flags, ...) {
  MODE_AFTER(flags, mode)
  return open_any(directory, path, flags, mode);
}

int close(int file) {
  if (watched(file) != NULL) files[file].is_watched = false;
  return (int)syscall(SYS_close, file);
}

static ssize_t write_at(struct watched *watched, int file, const void *data, size_t size, off_t offset) {
  enter();
  count(watched->is_counted);
  put(WRITE, "", watched->file, (uint64_t)offset, data, size);
  ssize_t written = sys_pwrite(file, data, size, offset);
  /* The journal knows of no failures; tests with them have a shim of their own. */
  if (written != (ssize_t)size) abort();
  leave();
  return written;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
  struct watched *known = watched(file);
  if (known == NULL) return sys_pwrite(file, data, size, offset);
  return write_at(known, file, data, size, offset);
}
ssize_t pwrite64(int file, const void *data, size_t size, off_t offset) {
  return pwrite(file, data, size, offset);
}

ssize_t write(int file, const void *data, size_t size) {
  struct watched *known = watched(file);
  if (known == NULL) return sys_write(file, data, size);
  off_t offset = syscall(SYS_lseek, file, 0, SEEK_CUR);
  ssize_t written = write_at(known, file, data, size, offset);
  syscall(SYS_lseek, file, offset + written, SEEK_SET);
  return written;
}

int ftruncate(int file, off_t size) {
  struct watched *known = watched(file);
  if (known == NULL) return (int)syscall(SYS_ftruncate, file, size);
  enter();
  count(known->is_counted);
  put(TRUNCATE, "", known->file, (uint64_t)size, NULL, 0);
  int result = (int)syscall(SYS_ftruncate, file, size);
  leave();
  return result;
}
int ftruncate64(int file, off_t size) { return ftruncate(file, size); }

/* Keeps what was written before it began, once it has ended. */
static int sync_file(struct watched *known) {
  enter();
  count(known->is_counted);
  uint64_t ticket = ++syncs | (uint64_t)getpid() << 32;
  put(SYNC_BEGIN, "", known->file, ticket, NULL, 0);
  leave();
  if (sync_us > 0) usleep((useconds_t)sync_us);
  enter();
  put(SYNC_END, "", known->file, ticket, NULL, 0);
  leave();
  return 0;
}

int fsync(int file) {
  struct watched *known = watched(file);
  return known == NULL ? (int)syscall(SYS_fsync, file) : sync_file(known);
}
int fdatasync(int file) {
  struct watched *known = watched(file);
  return known == NULL ? (int)syscall(SYS_fdatasync, file) : sync_file(known);
}

static int unlink_any(int directory, const char *path, int flags) {
  const char *name = name_in_root(directory, path);
  if (name == NULL || ends_with(name, "-shm")) return (int)syscall(SYS_unlinkat, directory, path, flags);
  enter();
  count(ends_with(name, match));
  int result = (int)syscall(SYS_unlinkat, directory, path, flags);
  if (result == 0) put(UNLINK, name, 0, 0, NULL, 0);
  leave();
  return result;
}
int unlink(const char *path) { return unlink_any(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char *path, int flags) { return unlink_any(directory, path, flags); }

int rename(const char *from, const char *to) {
  const char *name = name_in_root(AT_FDCWD, from);
  const char *next = name_in_root(AT_FDCWD, to);
  if (name == NULL || next == NULL) return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  enter();
  count(ends_with(name, match));
  int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (result == 0) put(RENAME, name, 0, 0, next, strlen(next));
  leave();
  return result;
}
