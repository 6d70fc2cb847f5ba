/* libdx, loaded once for the process. It is never unloaded. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "addon.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dx_api api;
static bool loaded;
static char loaded_path[4096];

static bool find_all(void *library, const char *path, char *message, size_t size) {
  const struct {
    const char *name;
    void **place;
  } functions[] = {
#define DX_FUNCTION(name) {"dx_" #name, (void **)&api.name},
#include "functions.h"
#undef DX_FUNCTION
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    *functions[i].place = dlsym(library, functions[i].name);
    if (!*functions[i].place) {
      snprintf(message, size, "%s is not a library of this release of Perdure: it has no %s.", path,
               functions[i].name);
      return false;
    }
    if (i == 0) {
      uint32_t version = api.abi_version();
      if (version >> 16 != DX_ABI_MAJOR || (version & 0xffff) < DX_ABI_MINOR) {
        snprintf(message, size,
                 "%s has ABI %u.%u; this package needs %d.%d or a later %d.x. Install the package and the "
                 "library of the same release.",
                 path, version >> 16, version & 0xffff, DX_ABI_MAJOR, DX_ABI_MINOR, DX_ABI_MAJOR);
        return false;
      }
    }
  }
  return true;
}

const dx_api *library_load(const char *path, char *message, size_t size) {
  pthread_mutex_lock(&lock);
  if (loaded && strcmp(path, loaded_path) != 0) {
    snprintf(message, size, "This process has loaded %s and cannot load %s as well.", loaded_path, path);
    pthread_mutex_unlock(&lock);
    return NULL;
  }
  if (!loaded) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char *why = dlerror();
      snprintf(message, size, "Cannot load %s: %s. Set PERDURE_LIBRARY to the path of libdx.so.", path,
               why ? why : "no reason given");
    } else if (find_all(library, path, message, size)) {
      snprintf(loaded_path, sizeof loaded_path, "%s", path);
      loaded = true;
    }
  }
  const dx_api *found = loaded ? &api : NULL;
  pthread_mutex_unlock(&lock);
  return found;
}
