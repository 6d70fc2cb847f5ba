import CDX

@c @implementation
public func dx_abi_version() -> UInt32 { UInt32(DX_ABI_MAJOR) << 16 | UInt32(DX_ABI_MINOR) }

@c @implementation
public func dx_version() -> UnsafePointer<CChar>? { StaticText.version.pointer }
