# find_package(Perdure) gives the targets Perdure::dx, which is libdx with dx.h, and Perdure::cpp, which is the
# same with dx.hpp: what links it is compiled as C++20.
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
  add_library(Perdure::cpp INTERFACE IMPORTED)
  set_target_properties(Perdure::cpp PROPERTIES
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES Perdure::dx)
endif()
set(Perdure_FOUND TRUE)
unset(_perdure_prefix)
