/* Lets calls on the files of a folder fail, one after the other, as the program asks.

   `faults_set_root` names the folder. `faults_arm` chooses a kind of failure and which calls fail; from then
   on each call that could fail so is counted. `faults_limit` lets writes fail when the files of the folder
   would take more bytes than that, as on a full device. `faults_protect` refuses whatever changes something.

   Calls that fail have no effect; a close that fails has closed, and a short write or read does half. */
#include "calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/inotify.h>
#include <sys/mman.h>

enum call { OPEN, CLOSE, READ, WRITE, SYNC, TRUNCATE, LOCK, MAP, UNLINK, STATUS, ACCESS, OTHER };
static const char *const call_names[] = {"open", "close", "read",   "write",  "sync",   "truncate",
                                         "lock", "map",   "unlink", "status", "access", "other"};

enum failure { EVERY_EIO = 1, WRITING_ENOSPC, INTERRUPTED, SHORT };

static bool files[FILES_MAX];
static atomic_int failure;
static atomic_long first, last, counted, fired;
static char what_fired[256];
static atomic_llong bytes_limit = -1;
static atomic_int protection;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) { set_root(getenv("FAULTS_ROOT")); }

/* The folder, without links in its path; before that what FAULTS_ROOT names. Files that are open stay as they
   were. */
void faults_set_root(const char *folder) {
  root_size = 0;
  set_root(folder);
}

/* Calls number `nth` to `nth + times - 1` that can fail as `kind` says do; 0: none from now on. */
void faults_arm(int kind, long nth, long times) {
  atomic_store(&failure, 0);
  atomic_store(&counted, 0);
  atomic_store(&fired, 0);
  what_fired[0] = 0;
  atomic_store(&first, nth);
  atomic_store(&last, nth + times - 1);
  atomic_store(&failure, kind);
}

/* How many calls failed since then; which was the first. */
long faults_fired(void) { return atomic_load(&fired); }
const char *faults_what(void) { return what_fired; }

/* Bytes that the files of the folder may take together; -1: no limit. */
void faults_limit(long long bytes) { atomic_store(&bytes_limit, bytes); }

/* The errno of whatever would change something: EROFS, EACCES; 0: allowed. */
void faults_protect(int cause) { atomic_store(&protection, cause); }

static bool is_writing(enum call call) { return call == WRITE || call == TRUNCATE || call == MAP; }

/* 0, or the errno that the call is to fail with; -1: do half. */
static int verdict(enum call call, const char *name, bool makes_file) {
  int kind = atomic_load(&failure);
  if (kind == 0) return 0;
  int cause = EIO;
  switch (kind) {
    case EVERY_EIO:
      break;
    case WRITING_ENOSPC:
      if (!is_writing(call) && !(call == OPEN && makes_file)) return 0;
      cause = call == MAP ? ENOMEM : ENOSPC;
      break;
    case INTERRUPTED:
      if (call != OPEN && call != READ && call != WRITE && call != TRUNCATE && call != SYNC && call != LOCK)
        return 0;
      cause = EINTR;
      break;
    default:
      if (call != READ && call != WRITE) return 0;
      cause = -1;
  }
  long number = atomic_fetch_add(&counted, 1) + 1;
  if (number < atomic_load(&first) || number > atomic_load(&last)) return 0;
  if (atomic_fetch_add(&fired, 1) == 0) {
    snprintf(what_fired, sizeof what_fired, "%s %s", call_names[call], name == NULL ? "" : name);
  }
  return cause;
}

static bool is_watched(int file) { return file >= 0 && file < FILES_MAX && files[file]; }

/* The verdict on a call on a descriptor. */
static int file_verdict(enum call call, int file) {
  if (!is_watched(file)) return 0;
  char name[PATH_MAX] = "", link[64];
  if (atomic_load(&failure) != 0 && atomic_load(&fired) == 0) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, name, sizeof name - 1);
    name[size > 0 ? size : 0] = 0;
  }
  const char *slash = strrchr(name, '/');
  int cause = verdict(call, slash == NULL ? name : slash + 1, false);
  if (cause > 0) errno = cause;
  return cause;
}

static bool fails(enum call call, int file) { return file_verdict(call, file) > 0; }

static bool path_fails(enum call call, int directory, const char *path, bool makes_file) {
  const char *name = name_in_root(directory, path);
  if (name == NULL) return false;
  int cause = verdict(call, name, makes_file);
  if (cause > 0) errno = cause;
  return cause > 0;
}

static bool is_refused(int cause) {
  if (cause != 0) errno = cause;
  return cause != 0;
}

/* What the files of the folder take. */
static long long taken(void) {
  long long bytes = 0;
  int folder = sys_open(AT_FDCWD, root, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder < 0) return 0;
  char buffer[4096] __attribute__((aligned(8)));
  struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
  };
  for (long got; (got = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;) {
    for (long at = 0; at < got;) {
      struct entry *entry = (struct entry *)(buffer + at);
      struct stat status;
      if (sys_stat(folder, entry->name, &status, 0) == 0 && S_ISREG(status.st_mode)) bytes += status.st_size;
      at += entry->size;
    }
  }
  syscall(SYS_close, folder);
  return bytes;
}

/* There is no room for the file to become as large as this. */
static bool is_full(int file, off_t size) {
  long long limit = atomic_load(&bytes_limit);
  if (limit < 0 || !is_watched(file)) return false;
  struct stat status;
  if (sys_fstat(file, &status) != 0 || size <= status.st_size) return false;
  pthread_mutex_lock(&mutex);
  bool full = taken() + (size - status.st_size) > limit;
  pthread_mutex_unlock(&mutex);
  if (full) errno = ENOSPC;
  return full;
}

static int open_any(int directory, const char *path, int flags, mode_t mode) {
  const char *name = name_in_root(directory, path);
  bool changes = (flags & (O_CREAT | O_TRUNC)) != 0 || (flags & O_ACCMODE) != O_RDONLY;
  if (name != NULL && changes && is_refused(atomic_load(&protection))) return -1;
  if (path_fails(OPEN, directory, path, (flags & O_CREAT) != 0)) return -1;
  int file = sys_open(directory, path, flags, mode);
  if (file >= 0 && file < FILES_MAX) files[file] = name != NULL;
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
  bool has_failed = fails(CLOSE, file);
  if (file >= 0 && file < FILES_MAX) files[file] = false;
  int result = (int)syscall(SYS_close, file);
  if (has_failed) errno = EIO;
  return has_failed ? -1 : result;
}

/* As many bytes as the call is to do; 0: it fails. */
static size_t allowed(enum call call, int file, size_t size) {
  int cause = file_verdict(call, file);
  if (cause < 0) return size > 1 ? size / 2 : size;
  return cause > 0 ? 0 : size;
}

ssize_t pread(int file, void *data, size_t size, off_t offset) {
  if (size == 0 || (size = allowed(READ, file, size)) != 0)
    return syscall(SYS_pread64, file, data, size, offset);
  return -1;
}
ssize_t pread64(int file, void *data, size_t size, off_t offset) { return pread(file, data, size, offset); }

ssize_t read(int file, void *data, size_t size) {
  if (size == 0 || (size = allowed(READ, file, size)) != 0) return syscall(SYS_read, file, data, size);
  return -1;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) {
  if (is_watched(file) && is_refused(atomic_load(&protection))) return -1;
  if (is_full(file, offset + (off_t)size)) return -1;
  if (size == 0 || (size = allowed(WRITE, file, size)) != 0) return sys_pwrite(file, data, size, offset);
  return -1;
}
ssize_t pwrite64(int file, const void *data, size_t size, off_t offset) {
  return pwrite(file, data, size, offset);
}

ssize_t write(int file, const void *data, size_t size) {
  if (is_watched(file)) {
    off_t offset = syscall(SYS_lseek, file, 0, SEEK_CUR);
    if (is_refused(atomic_load(&protection)) || is_full(file, offset + (off_t)size)) return -1;
  }
  if (size == 0 || (size = allowed(WRITE, file, size)) != 0) return sys_write(file, data, size);
  return -1;
}

int ftruncate(int file, off_t size) {
  if (is_watched(file) && is_refused(atomic_load(&protection))) return -1;
  if (is_full(file, size) || fails(TRUNCATE, file)) return -1;
  return (int)syscall(SYS_ftruncate, file, size);
}
int ftruncate64(int file, off_t size) { return ftruncate(file, size); }

int fsync(int file) { return fails(SYNC, file) ? -1 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return fails(SYNC, file) ? -1 : (int)syscall(SYS_fdatasync, file); }

static int control(int file, int command, long argument) {
  bool is_lock = command == F_GETLK || command == F_SETLK || command == F_SETLKW || command == F_OFD_GETLK ||
                 command == F_OFD_SETLK || command == F_OFD_SETLKW;
  if (is_lock && fails(LOCK, file)) return -1;
  return (int)syscall(SYS_fcntl, file, command, argument);
}
int fcntl(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  long argument = va_arg(arguments, long);
  va_end(arguments);
  return control(file, command, argument);
}
int fcntl64(int file, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  long argument = va_arg(arguments, long);
  va_end(arguments);
  return control(file, command, argument);
}

void *mmap(void *address, size_t size, int protect, int flags, int file, off_t offset) {
  if ((flags & MAP_ANONYMOUS) == 0 && fails(MAP, file)) return MAP_FAILED;
  return (void *)syscall(SYS_mmap, address, size, protect, flags, file, offset);
}
void *mmap64(void *address, size_t size, int protect, int flags, int file, off_t offset) {
  return mmap(address, size, protect, flags, file, offset);
}

static int unlink_any(int directory, const char *path, int flags) {
  bool is_ours = name_in_root(directory, path) != NULL;
  if (is_ours && is_refused(atomic_load(&protection))) return -1;
  if (path_fails(UNLINK, directory, path, false)) return -1;
  return (int)syscall(SYS_unlinkat, directory, path, flags);
}
int unlink(const char *path) { return unlink_any(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char *path, int flags) { return unlink_any(directory, path, flags); }

int stat(const char *path, struct stat *status) {
  if (path_fails(STATUS, AT_FDCWD, path, false)) return -1;
  return sys_stat(AT_FDCWD, path, status, 0);
}
int stat64(const char *path, struct stat64 *status) { return stat(path, (struct stat *)status); }
int lstat(const char *path, struct stat *status) {
  if (path_fails(STATUS, AT_FDCWD, path, false)) return -1;
  return sys_stat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}
int lstat64(const char *path, struct stat64 *status) { return lstat(path, (struct stat *)status); }
int fstat(int file, struct stat *status) { return fails(STATUS, file) ? -1 : sys_fstat(file, status); }
int fstat64(int file, struct stat64 *status) { return fstat(file, (struct stat *)status); }

int access(const char *path, int mode) {
  if (name_in_root(AT_FDCWD, path) != NULL && (mode & W_OK) != 0 && is_refused(atomic_load(&protection)))
    return -1;
  if (path_fails(ACCESS, AT_FDCWD, path, false)) return -1;
  return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

ssize_t readlink(const char *path, char *target, size_t size) {
  if (path_fails(OTHER, AT_FDCWD, path, false)) return -1;
  return syscall(SYS_readlinkat, AT_FDCWD, path, target, size);
}
int fchmod(int file, mode_t mode) { return fails(OTHER, file) ? -1 : (int)syscall(SYS_fchmod, file, mode); }
int fchown(int file, uid_t owner, gid_t group) {
  return fails(OTHER, file) ? -1 : (int)syscall(SYS_fchown, file, owner, group);
}
int inotify_add_watch(int watch, const char *path, uint32_t events) {
  if (path_fails(OTHER, AT_FDCWD, path, false)) return -1;
  return (int)syscall(SYS_inotify_add_watch, watch, path, events);
}
