/* Tells the thread sanitizer of the slow paths of Swift's Mutex.
 *
 * Taking and giving back a Mutex that nobody waits for is compiled into the code that does it, and the
 * sanitizer sees it. Where threads meet, the Mutex goes through these three functions of the Swift library,
 * whose code the sanitizer does not see: it would take what they order for races. Preloaded, this
 * library stands in front of them and says what each does; it adds no order that is not there.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*lock_fn)(uint32_t thread, SELF void *mutex);
typedef SWIFT bool (*try_lock_fn)(SELF void *mutex);
typedef SWIFT void (*unlock_fn)(SELF void *mutex);

static lock_fn real_lock;
static try_lock_fn real_try_lock;
static unlock_fn real_unlock;

/* Before main, while there is one thread. A program without Swift's library never calls what is missing. */
__attribute__((constructor)) static void find_the_real_ones(void) {
  real_lock = (lock_fn)dlsym(RTLD_NEXT, LOCK);
  real_try_lock = (try_lock_fn)dlsym(RTLD_NEXT, TRY_LOCK);
  real_unlock = (unlock_fn)dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT void mutex_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void mutex_lock(uint32_t thread, SELF void *mutex) {
  real_lock(thread, mutex);
  if (__tsan_acquire != NULL) __tsan_acquire(mutex);
}

SWIFT bool mutex_try_lock(SELF void *mutex) __asm__(TRY_LOCK);
SWIFT bool mutex_try_lock(SELF void *mutex) {
  bool taken = real_try_lock(mutex);
  if (taken && __tsan_acquire != NULL) __tsan_acquire(mutex);
  return taken;
}

SWIFT void mutex_unlock(SELF void *mutex) __asm__(UNLOCK);
SWIFT void mutex_unlock(SELF void *mutex) {
  if (__tsan_release != NULL) __tsan_release(mutex);
  real_unlock(mutex);
}
