#ifndef ENTRIES_H
#define ENTRIES_H

#include <dirent.h>
#include <stdlib.h>

/* How many entries a folder has, such as /proc/self/task, which has one for each thread. */
static inline int entries(const char *path) {
  int count = 0;
  DIR *folder = opendir(path);
  if (folder == NULL) abort();
  for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
    count += entry->d_name[0] != '.';
  }
  closedir(folder);
  return count;
}

#endif /* ENTRIES_H */
