/* Tells the thread sanitizer of the order that the Swift library makes between threads. Preloaded; it adds no
 * order that is not there.
 *
 * Mutex: taking and giving back one that nobody waits for is compiled into the code that does it, and the
 * sanitizer sees it. Where threads meet, the Mutex goes through three functions of the library, whose code
 * the sanitizer does not see: it would take what they order for races.
 *
 * Counts of references: whoever lets go of an object has done with it when another, who finds itself to be
 * the only owner, changes it in place or ends it. So it is with every array that is copied out of a lock,
 * read, and dropped.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

/* Of the sanitizer; absent in a program without it. */
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

static void acquire(void *address) {
  if (__tsan_acquire != NULL) __tsan_acquire(address);
}
static void release(void *address) {
  if (__tsan_release != NULL) __tsan_release(address);
}

static void find_the_real_ones(void);

/* ---- Mutex ----------------------------------------------------------------------------------------------
 */

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*lock_fn)(uint32_t thread, SELF void *mutex);
typedef SWIFT bool (*try_lock_fn)(SELF void *mutex);
typedef SWIFT void (*unlock_fn)(SELF void *mutex);

static lock_fn real_lock;
static try_lock_fn real_try_lock;
static unlock_fn real_unlock;

SWIFT void mutex_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void mutex_lock(uint32_t thread, SELF void *mutex) {
  if (real_lock == NULL) find_the_real_ones();
  real_lock(thread, mutex);
  acquire(mutex);
}

SWIFT bool mutex_try_lock(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT bool mutex_try_lock(SELF void *mutex) {
  if (real_lock == NULL) find_the_real_ones();
  bool taken = real_try_lock(mutex);
  if (taken) acquire(mutex);
  return taken;
}

SWIFT void mutex_unlock(SELF void *mutex) __asm__(UNLOCK);
SWIFT void mutex_unlock(SELF void *mutex) {
  release(mutex);
  if (real_lock == NULL) find_the_real_ones();
  real_unlock(mutex);
}

/* ---- Counts of references -------------------------------------------------------------------------------
 */

typedef void (*release_fn)(void *object);
typedef void (*release_n_fn)(void *object, uint32_t count);
typedef bool (*is_unique_fn)(const void *object);
typedef size_t (*count_fn)(void *object);

static release_fn real_release, real_bridge_release;
static release_n_fn real_release_n, real_bridge_release_n;
static is_unique_fn real_is_unique;
static count_fn reference_count;

/* A bridge object keeps flags in the bits of the pointer that are always the same. */
#define BRIDGE_BITS 0xf000000000000007u

static void let_go(void *object, size_t count) {
  if (real_release == NULL) find_the_real_ones();
  /* Null, and what only looks like a pointer. */
  if ((intptr_t)object <= 0) return;
  /* The last owner ends it. */
  if (reference_count(object) <= count) acquire(object);
  release(object);
}

static void let_go_of_bridge(void *object, size_t count) {
  if (real_release == NULL) find_the_real_ones();
  /* The top bit: no object at all, such as a small or constant text. */
  if ((intptr_t)object > 0) let_go((void *)((uintptr_t)object & ~BRIDGE_BITS), count);
}

#define FRONT(type, name, ...) \
  type name(__VA_ARGS__);      \
  type name(__VA_ARGS__)

FRONT(void, swift_release, void *object) {
  let_go(object, 1);
  real_release(object);
}

FRONT(void, swift_release_n, void *object, uint32_t count) {
  let_go(object, count);
  real_release_n(object, count);
}

FRONT(void, swift_bridgeObjectRelease, void *object) {
  let_go_of_bridge(object, 1);
  real_bridge_release(object);
}

FRONT(void, swift_bridgeObjectRelease_n, void *object, uint32_t count) {
  let_go_of_bridge(object, count);
  real_bridge_release_n(object, count);
}

FRONT(bool, swift_isUniquelyReferenced_nonNull_native, const void *object) {
  if (real_is_unique == NULL) find_the_real_ones();
  bool is_unique = real_is_unique(object);
  if (is_unique) acquire((void *)(uintptr_t)object);
  return is_unique;
}

/* With the first call, which the constructor of another library makes before main, while there is one thread.
 * A program without Swift's library never calls what is missing. */
static void find_the_real_ones(void) {
  real_lock = (lock_fn)dlsym(RTLD_NEXT, LOCK);
  real_try_lock = (try_lock_fn)dlsym(RTLD_NEXT, TRY_LOCK);
  real_unlock = (unlock_fn)dlsym(RTLD_NEXT, UNLOCK);
  real_release = (release_fn)dlsym(RTLD_NEXT, "swift_release");
  real_release_n = (release_n_fn)dlsym(RTLD_NEXT, "swift_release_n");
  real_bridge_release = (release_fn)dlsym(RTLD_NEXT, "swift_bridgeObjectRelease");
  real_bridge_release_n = (release_n_fn)dlsym(RTLD_NEXT, "swift_bridgeObjectRelease_n");
  real_is_unique = (is_unique_fn)dlsym(RTLD_NEXT, "swift_isUniquelyReferenced_nonNull_native");
  reference_count = (count_fn)dlsym(RTLD_NEXT, "swift_retainCount");
}
