# find_package(Perdure) gives the target Perdure::dx: libdx with dx.h and, for C++20, dx.hpp.
get_filename_component(_perdure_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET Perdure::dx)
  include(CMakeFindDependencyMacro)
  find_dependency(Threads)
  add_library(Perdure::dx SHARED IMPORTED)
  set_target_properties(Perdure::dx PROPERTIES
    IMPORTED_LOCATION "${_perdure_prefix}/lib/libdx.so"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${_perdure_prefix}/include"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
set(Perdure_FOUND TRUE)
unset(_perdure_prefix)
