// Carries the linker flags of libdx.so (Package.swift); holds no code of its own.
