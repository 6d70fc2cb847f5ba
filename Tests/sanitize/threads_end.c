/* For programs whose leaks are looked for: a thread of the engine ends a moment after the last handle that it
 * served is gone, and what it has in hand until then counts as lost. The end of the program waits until no
 * thread has ended for a second, 10 s at most; that of callbacks stays for good. */
#include "entries.h"

#include <unistd.h>

static void wait_for_threads(void) {
  int last = entries("/proc/self/task");
  for (int tenth = 0, same = 0; tenth < 100 && same < 10 && last > 1; tenth++) {
    usleep(100000);
    int now = entries("/proc/self/task");
    same = now == last ? same + 1 : 0;
    last = now;
  }
}

__attribute__((constructor)) static void begin(void) {
  /* It runs before what the sanitizer does at the end, as that was asked for earlier. */
  if (atexit(wait_for_threads) != 0) abort();
}
