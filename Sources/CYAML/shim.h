/* libyaml, for the example that interprets YAML files. No part of the library. */
#ifndef PERDURE_CYAML_SHIM_H
#define PERDURE_CYAML_SHIM_H

#include <yaml.h>

#endif
