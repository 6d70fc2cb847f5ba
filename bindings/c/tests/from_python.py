"""libdx_native from another language: loaded by ctypes beside the library of the Python package, in which it
finds the same engine.

    bindings/c/tests/from_python.py LIBDX_NATIVE
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import perdure


class NativeError(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int32), ("position", ctypes.c_int32), ("message", ctypes.c_char * 500)]


@perdure.orchestration
async def root(ctx: perdure.OrchestrationContext, number: float) -> Any:
    return await ctx.activity("power", [number, 0.5])


def main(path: str) -> None:
    store = perdure.Store("memory:")
    runtime = perdure.Runtime(store, [root])
    native = ctypes.CDLL(path)
    native.dx_native_register.restype = ctypes.c_bool
    native.dx_native_register.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(NativeError),
    ]  # fmt: skip
    error = NativeError()
    handle = runtime._handle.value
    power = (b"power", b"libm.so.6!pow")
    assert native.dx_native_register(handle, *power, b"double(double, double)", ctypes.byref(error)), (
        error.message
    )
    assert not native.dx_native_register(handle, *power, b"double(double", ctypes.byref(error))
    assert (error.code, error.position) == (1, 13), (error.code, error.position)
    with store, runtime:
        client = perdure.Client(store)
        assert client.result(client.start(root, 2.25), timeout=30) == 1.5


if __name__ == "__main__":
    main(sys.argv[1])
