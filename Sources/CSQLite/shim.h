/* SQLite as Swift needs it: what is variadic or a macro in C gets a plain function here. */
#ifndef PERDURE_CSQLITE_SHIM_H
#define PERDURE_CSQLITE_SHIM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* In <fcntl.h> only with _GNU_SOURCE; part of the kernel's ABI. */
#ifndef F_OFD_GETLK
#define F_OFD_GETLK 36
#define F_OFD_SETLK 37
#define F_OFD_SETLKW 38
#endif

/* SQLite's fcntl with open-file-description locks in place of POSIX ones. A POSIX lock belongs to the process
   and is dropped when *any* descriptor of the file is closed, for instance by the host's own sqlite3 module;
   an open-file-description lock goes only with the descriptor that took it. Both exclude each other. */
static int perdure_ofd_fcntl(int descriptor, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  int result;
  if (command == F_GETLK || command == F_SETLK || command == F_SETLKW) {
    struct flock *lock = va_arg(arguments, struct flock *);
    lock->l_pid = 0;
    int attempts = 0, isStuck;
    do {
      int ofd = command == F_GETLK ? F_OFD_GETLK : command == F_SETLK ? F_OFD_SETLK : F_OFD_SETLKW;
      result = fcntl(descriptor, ofd, lock);
      /* SQLite forgets a lock of the log's index that it could not give back: everybody else would wait. */
      isStuck = result != 0 && lock->l_type == F_UNLCK && command == F_SETLK && errno != EBADF;
    } while (isStuck && ++attempts < 100);
  } else {
    result = fcntl(descriptor, command, va_arg(arguments, long));
  }
  va_end(arguments);
  return result;
}

/* Attempts of this thread whose failures SQLite tells of as of something else: of a device that cannot be
   read it says that the database is malformed, of a commit nothing, of a file that cannot be looked for that
   it is gone. */
enum { perdure_reading, perdure_writing, perdure_looking, perdure_attempts };

/* Why the last one failed, 0 if none did since somebody asked. (In a function: what imports this header makes
   no variables.) */
static inline int *perdure_failure(int attempt) {
  static __thread int causes[perdure_attempts];
  return &causes[attempt];
}

static inline int perdure_take_failure(int attempt) {
  int cause = *perdure_failure(attempt);
  *perdure_failure(attempt) = 0;
  return cause;
}

static ssize_t perdure_pread(int descriptor, void *bytes, size_t size, off_t offset) {
  ssize_t count = pread(descriptor, bytes, size, offset);
  if (count < 0 && errno != EINTR) *perdure_failure(perdure_reading) = errno;
  return count;
}

enum { perdure_logs = 4096, perdure_zeros = 65536, perdure_step = 262144 };

/* This thread opens a store: logs that it opens meanwhile are ours, and not of databases that the host has
   with the same SQLite. */
static inline int *perdure_opens_store(void) {
  static __thread int opens;
  return &opens;
}

/* How long our log is that this descriptor is of, as far as is known; 0: it is of none. */
static inline int64_t *perdure_log_size(int descriptor) {
  static int64_t sizes[perdure_logs];
  return descriptor >= 0 && descriptor < perdure_logs ? &sizes[descriptor] : NULL;
}

/* Fills the log with zeros ahead of what is written: a sync of bytes that the file has already takes less
   than one that makes it longer, by a fifth of a commit here. To SQLite they are what a torn write leaves,
   the end of the log. Only who has the write lock comes here, so nobody else makes the file longer meanwhile;
   and whatever fails is no loss. */
static void perdure_lengthen(int descriptor, int64_t needed, int64_t *known) {
  static const char zeros[perdure_zeros];
  int64_t end = lseek(descriptor, 0, SEEK_END);
  /* Not behind a head that is not synced yet: a log that has something, but no head, is a damaged one. */
  if (end > 0 && end < needed) {
    int64_t goal = needed + (end < perdure_zeros ? perdure_zeros : perdure_step);
    while (end < goal) {
      size_t size = goal - end < perdure_zeros ? (size_t)(goal - end) : perdure_zeros;
      ssize_t count = pwrite(descriptor, zeros, size, end);
      if (count <= 0) break;
      end += count;
    }
  }
  if (end > 0) __atomic_store_n(known, end, __ATOMIC_RELAXED);
}

static ssize_t perdure_pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
  int64_t *known = perdure_log_size(descriptor);
  int64_t length = known == NULL ? 0 : __atomic_load_n(known, __ATOMIC_RELAXED);
  int64_t needed = offset + (int64_t)size;
  if (length > 0 && needed > length) perdure_lengthen(descriptor, needed, known);
  ssize_t count = pwrite(descriptor, bytes, size, offset);
  if (count < 0 && errno != EINTR) *perdure_failure(perdure_writing) = errno;
  return count;
}

static int perdure_ftruncate(int descriptor, off_t size) {
  int result = ftruncate(descriptor, size);
  if (result != 0 && errno != EINTR) *perdure_failure(perdure_writing) = errno;
  return result;
}

/* ---- Forks ----------------------------------------------------------------------------------------------

   What a process has open its forked child has open too, and these are the same open file descriptions: their
   locks are the child's as much as the parent's, and they stay until both are gone. Besides, SQLite finds
   the locks of a process in a list of files (by device and number), which the child has inherited: a store
   that it opened would be written to without regard for the parent. So the child closes what was opened here,
   and gives each file another device than the parent did: to SQLite they are files that nobody has open. */

enum { perdure_descriptors = 1 << 20, perdure_sqlite_mutexes = 8 };

typedef struct perdure_forking {
  pthread_mutex_t opening; /* of a store */
  int was_started, start;
  pthread_mutex_t lock; /* of the descriptors */
  unsigned char is_ours[perdure_descriptors];
  int end; /* behind the last of them */
  uint64_t forks;
} perdure_forking;

static inline perdure_forking *perdure_forks(void) {
  static perdure_forking forks = {.opening = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};
  return &forks;
}

/* open, for what a child is to close. */
static inline int perdure_open_ours(const char *path, int flags, int mode) {
  perdure_forking *forks = perdure_forks();
  pthread_mutex_lock(&forks->lock);
  int descriptor = open(path, flags, mode);
  if (descriptor >= 0 && descriptor < perdure_descriptors) {
    forks->is_ours[descriptor] = 1;
    if (descriptor >= forks->end) forks->end = descriptor + 1;
  }
  int cause = errno;
  pthread_mutex_unlock(&forks->lock);
  errno = cause;
  return descriptor;
}

/* close, of whatever. */
static int perdure_close(int descriptor) {
  perdure_forking *forks = perdure_forks();
  pthread_mutex_lock(&forks->lock);
  if (descriptor >= 0 && descriptor < perdure_descriptors) forks->is_ours[descriptor] = 0;
  int result = close(descriptor), cause = errno;
  pthread_mutex_unlock(&forks->lock);
  errno = cause;
  return result;
}

/* What SQLite's threads share. In the order in which it takes them when it takes several: a child would wait
   for ever for one that another thread of its parent had. */
static inline sqlite3_mutex *perdure_sqlite_mutex(int number) {
  static const int ids[perdure_sqlite_mutexes] = {
      SQLITE_MUTEX_STATIC_MAIN, SQLITE_MUTEX_STATIC_VFS1, SQLITE_MUTEX_STATIC_VFS2,
      SQLITE_MUTEX_STATIC_OPEN, SQLITE_MUTEX_STATIC_PRNG, SQLITE_MUTEX_STATIC_LRU,
      SQLITE_MUTEX_STATIC_PMEM, SQLITE_MUTEX_STATIC_MEM,
  };
  return sqlite3_mutex_alloc(ids[number]);
}

static void perdure_before_fork(void) {
  for (int i = 0; i < perdure_sqlite_mutexes; i++) sqlite3_mutex_enter(perdure_sqlite_mutex(i));
  pthread_mutex_lock(&perdure_forks()->lock);
}

static void perdure_after_fork(void) {
  pthread_mutex_unlock(&perdure_forks()->lock);
  for (int i = perdure_sqlite_mutexes; i-- > 0;) sqlite3_mutex_leave(perdure_sqlite_mutex(i));
}

static void perdure_in_child(void) {
  perdure_forking *forks = perdure_forks();
  forks->forks++;
  /* Whoever opens a store in the parent is not here. */
  pthread_mutex_init(&forks->opening, NULL);
  for (int descriptor = 0; descriptor < forks->end; descriptor++) {
    if (!forks->is_ours[descriptor]) continue;
    forks->is_ours[descriptor] = 0;
    close(descriptor);
  }
  perdure_after_fork();
}

/* The device is the first field of a `struct stat`; the upper bits of none are in use. */
static inline void perdure_tell_apart(void *status) { *(uint64_t *)status ^= perdure_forks()->forks << 48; }

/* stat and fstat, without <sys/stat.h>: in Swift their type would belong to this module, and not to Glibc. */
extern int perdure_system_stat(const char *path, void *status) __asm__("stat");
extern int perdure_system_fstat(int descriptor, void *status) __asm__("fstat");

static int perdure_fstat(int descriptor, void *status) {
  int result = perdure_system_fstat(descriptor, status);
  if (result == 0) perdure_tell_apart(status);
  return result;
}

static int perdure_stat(const char *path, void *status) {
  int result = perdure_system_stat(path, status);
  if (result == 0) perdure_tell_apart(status);
  if (result != 0 && errno != ENOENT && errno != ENOTDIR) *perdure_failure(perdure_looking) = errno;
  return result;
}

/* What SQLite cannot open for writing it tries to open for reading, which tells of a read-only or missing
   file whatever the cause was. Only what is a matter of permissions comes to that. */
static int perdure_open(const char *path, int flags, int mode) {
  static __thread int refusal;
  int cause = refusal;
  refusal = 0;
  if (cause != 0 && (flags & O_ACCMODE) == O_RDONLY) {
    errno = cause;
    return -1;
  }
  int is_ours = *perdure_opens_store();
  int descriptor = is_ours ? perdure_open_ours(path, flags, mode) : open(path, flags, mode);
  if (descriptor < 0 && (flags & O_ACCMODE) == O_RDWR) {
    switch (errno) {
      case EACCES: case EPERM: case EROFS: case EINTR: case EISDIR: break;
      default: refusal = errno;
    }
  }
  int64_t *known = perdure_log_size(descriptor);
  if (known != NULL) {
    size_t length = strlen(path);
    int is_log = is_ours && length > 4 && strcmp(path + length - 4, "-wal") == 0;
    __atomic_store_n(known, is_log, __ATOMIC_RELAXED);
  }
  return descriptor;
}

/* Once per process, before the first open: system calls as above. No URI file names and no global memory
   statistics (they cost a mutex per allocation) either, unless somebody else linked to this SQLite used it
   before us: then its settings stay. Answers an SQLite result code. */
static inline int perdure_sqlite_start(void) {
  (void)sqlite3_config(SQLITE_CONFIG_URI, 0);
  (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  int code = sqlite3_initialize();
  if (code != SQLITE_OK) return code;
  sqlite3_vfs *unix_vfs = sqlite3_vfs_find("unix");
  if (unix_vfs == NULL || unix_vfs->iVersion < 3 || unix_vfs->xSetSystemCall == NULL) return SQLITE_ERROR;
  code = unix_vfs->xSetSystemCall(unix_vfs, "fcntl", (sqlite3_syscall_ptr)perdure_ofd_fcntl);
  if (code == SQLITE_OK) code = unix_vfs->xSetSystemCall(unix_vfs, "open", (sqlite3_syscall_ptr)perdure_open);
  /* Which of two it uses was chosen when it was compiled; off_t is the same here. */
  const struct {
    const char *name;
    sqlite3_syscall_ptr call;
  } calls[] = {
      {"pread", (sqlite3_syscall_ptr)perdure_pread},
      {"pread64", (sqlite3_syscall_ptr)perdure_pread},
      {"pwrite", (sqlite3_syscall_ptr)perdure_pwrite},
      {"pwrite64", (sqlite3_syscall_ptr)perdure_pwrite},
      {"ftruncate", (sqlite3_syscall_ptr)perdure_ftruncate},
      {"stat", (sqlite3_syscall_ptr)perdure_stat},
      {"fstat", (sqlite3_syscall_ptr)perdure_fstat},
      {"close", (sqlite3_syscall_ptr)perdure_close},
  };
  for (size_t i = 0; i < sizeof calls / sizeof calls[0] && code == SQLITE_OK; i++) {
    if (unix_vfs->xGetSystemCall(unix_vfs, calls[i].name) == NULL) continue;
    code = unix_vfs->xSetSystemCall(unix_vfs, calls[i].name, calls[i].call);
  }
  if (code == SQLITE_OK && pthread_atfork(perdure_before_fork, perdure_after_fork, perdure_in_child) != 0) {
    code = SQLITE_NOMEM;
  }
  return code;
}

/* One store is opened at a time: SQLite shares the locks of a file among the connections of a process, which
   works with open-file-description locks as soon as the file is in WAL mode. Answers what starting SQLite
   came to. */
static inline int perdure_begin_opening(void) {
  perdure_forking *forks = perdure_forks();
  pthread_mutex_lock(&forks->opening);
  if (!forks->was_started) forks->start = perdure_sqlite_start();
  forks->was_started = 1;
  *perdure_opens_store() = 1;
  return forks->start;
}

static inline void perdure_end_opening(void) {
  *perdure_opens_store() = 0;
  pthread_mutex_unlock(&perdure_forks()->opening);
}

/* sqlite3_db_config for the switches that take on/off. */
static inline int perdure_sqlite_switch(sqlite3 *database, int option, int on) {
  return sqlite3_db_config(database, option, on, (int *)0);
}

/* Copies the bytes. An empty value is an empty text, never NULL, whatever its address. */
static inline int perdure_sqlite_bind_text(
    sqlite3_stmt *statement, int index, const void *bytes, uint64_t size) {
  return sqlite3_bind_text64(
      statement, index, size == 0 ? "" : (const char *)bytes, size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* Takes an exclusive open-file-description lock on one byte; 0, or an errno. Does not wait. */
static inline int perdure_byte_lock(int descriptor, int64_t byte) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

static inline int perdure_byte_unlock(int descriptor, int64_t byte) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

/* Whether another open file description holds the byte: 1, 0, or minus an errno. */
static inline int perdure_byte_is_locked(int descriptor, int64_t byte) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = byte;
  lock.l_len = 1;
  if (fcntl(descriptor, F_OFD_GETLK, &lock) != 0) return -errno;
  return lock.l_type != F_UNLCK;
}

/* A non-blocking, close-on-exec inotify descriptor, or -1 with errno set. */
static inline int perdure_watch_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

/* Watches a file for writes; -1 with errno set if that cannot be. */
static inline int perdure_watch_add(int descriptor, const char *path) {
  return inotify_add_watch(descriptor, path, IN_MODIFY);
}

/* The same for the moment at which somebody who could write to a file closes it, or is gone. */
static inline int perdure_watch_add_closing(int descriptor, const char *path) {
  return inotify_add_watch(descriptor, path, IN_CLOSE_WRITE);
}

/* Takes all that was seen so far; 1 if a file was closed that is watched for that, otherwise 0. */
static inline int perdure_watch_take(int descriptor) {
  _Alignas(struct inotify_event) char buffer[4096];
  uint32_t seen = 0;
  ssize_t size;
  while ((size = read(descriptor, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < size;) {
      const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
      seen |= event->mask;
      at += (ssize_t)(sizeof *event + event->len);
    }
  }
  return (seen & IN_CLOSE_WRITE) != 0;
}

/* A close-on-exec, non-blocking pipe: 0, or -1 with errno set. */
static inline int perdure_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  for (int i = 0; i < 2; i++) {
    fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    fcntl(ends[i], F_SETFL, O_NONBLOCK);
  }
  *read_end = ends[0];
  *write_end = ends[1];
  return 0;
}

#endif
