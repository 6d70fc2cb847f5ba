"""include/dx.h in ctypes, in the order of the header. Nothing but declarations."""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_void_p,
)
from typing import Any, List, Tuple

ABI_MAJOR = 1
ABI_MINOR = 2


class Text(Structure):
    """dx_text: borrowed UTF-8."""

    _fields_ = (("data", c_char_p), ("size", c_size_t))


class Borrowed(Structure):
    """dx_text as callbacks receive it: not copied by ctypes, and with its size."""

    _fields_ = (("data", c_void_p), ("size", c_size_t))


class Buffer(Structure):
    """dx_buffer: bytes that we own."""

    _fields_ = (("data", c_void_p), ("size", c_size_t))


class StoreOptions(Structure):
    _fields_ = (("struct_size", c_size_t), ("url", Text), ("config", Text))


class RuntimeOptions(Structure):
    _fields_ = (("struct_size", c_size_t), ("config", Text))


# Handles, tokens and errors are pointers that only the library looks into.
Handle = c_void_p
Error = c_void_p
Out = POINTER(c_void_p)
OutBuffer = POINTER(Buffer)

TurnFn = CFUNCTYPE(None, c_void_p, c_void_p)
ActivityFn = CFUNCTYPE(None, c_void_p, c_void_p)
WaitFn = CFUNCTYPE(None, c_void_p, Borrowed, c_void_p)
StopFn = CFUNCTYPE(None, c_void_p)
PasswordFn = CFUNCTYPE(None, c_void_p, c_void_p)
LogFn = CFUNCTYPE(None, Borrowed, c_void_p)
ReleaseFn = CFUNCTYPE(None, c_void_p)

Declaration = Tuple[str, Any, List[Any]]

DECLARATIONS: List[Declaration] = [
    # Library
    ("dx_abi_version", c_uint32, []),
    ("dx_version", c_char_p, []),
    # Text in, buffers out
    ("dx_buffer_free", None, [OutBuffer]),
    # Errors
    ("dx_error_code", c_int32, [Error]),
    ("dx_error_is_transient", c_bool, [Error]),
    ("dx_error_message", c_char_p, [Error]),
    ("dx_error_details", c_char_p, [Error]),
    ("dx_error_free", None, [Error]),
    # Handles and callbacks
    ("dx_log_set", Error, [Text, LogFn, c_void_p, ReleaseFn]),
    # Store
    ("dx_store_open", Error, [POINTER(StoreOptions), Out]),
    ("dx_store_open_with_password", Error, [POINTER(StoreOptions), PasswordFn, c_void_p, ReleaseFn, Out]),
    ("dx_password_complete", Error, [Handle, Text]),
    ("dx_password_fail", Error, [Handle, Text]),
    ("dx_store_metrics", Error, [Handle, Text, OutBuffer]),
    ("dx_store_clock", Error, [Handle, OutBuffer]),
    ("dx_store_advance_clock", Error, [Handle, c_int64, c_int64, WaitFn, c_void_p]),
    ("dx_store_close", None, [Handle]),
    # Client
    ("dx_client_new", Error, [Handle, Out]),
    ("dx_client_free", None, [Handle]),
    ("dx_client_start", Error, [Handle, Text, OutBuffer]),
    ("dx_client_start_many", Error, [Handle, Text, OutBuffer]),
    ("dx_client_raise_event", Error, [Handle, Text, Text, Text]),
    ("dx_client_enqueue", Error, [Handle, Text, Text, Text]),
    ("dx_client_cancel", Error, [Handle, Text, Text]),
    ("dx_client_send", Error, [Handle, Text, OutBuffer]),
    ("dx_client_publish", Error, [Handle, Text, Text, OutBuffer]),
    ("dx_client_control", Error, [Handle, Text, OutBuffer]),
    ("dx_client_describe", Error, [Handle, Text, OutBuffer]),
    ("dx_client_history", Error, [Handle, Text, OutBuffer]),
    ("dx_client_list", Error, [Handle, Text, OutBuffer]),
    ("dx_client_delete", Error, [Handle, Text, OutBuffer]),
    ("dx_client_kv", Error, [Handle, Text, OutBuffer]),
    ("dx_client_manage", Error, [Handle, Text, OutBuffer]),
    ("dx_client_complete_activity", Error, [Handle, Text, Text]),
    ("dx_client_fail_activity", Error, [Handle, Text, Text]),
    ("dx_client_heartbeat_activity", Error, [Handle, Text, Text]),
    ("dx_client_wait", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    ("dx_client_wait_status", Error, [Handle, Text, c_int64, c_int64, WaitFn, c_void_p]),
    ("dx_client_wait_history", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    ("dx_client_call", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    ("dx_client_query", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    # Runtime
    ("dx_runtime_new", Error, [Handle, POINTER(RuntimeOptions), Out]),
    ("dx_register_orchestration", Error, [Handle, Text, Text, TurnFn, c_void_p, ReleaseFn]),
    ("dx_register_activity", Error, [Handle, Text, ActivityFn, c_void_p, ReleaseFn]),
    ("dx_runtime_limit_activity", Error, [Handle, Text, Text]),
    ("dx_runtime_start", Error, [Handle]),
    ("dx_runtime_stop", Error, [Handle, c_int64, StopFn, c_void_p]),
    ("dx_history_replay", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    ("dx_runtime_preflight", Error, [Handle, Text, c_int64, WaitFn, c_void_p]),
    ("dx_runtime_free", None, [Handle]),
    # Turn
    ("dx_turn_input", Error, [Handle, POINTER(Borrowed)]),
    ("dx_turn_complete", Error, [Handle, Text]),
    ("dx_turn_fail", Error, [Handle, Text]),
    # Activity
    ("dx_activity_input", Error, [Handle, POINTER(Borrowed)]),
    ("dx_activity_is_cancelled", c_bool, [Handle]),
    ("dx_activity_on_cancel", Error, [Handle, StopFn, c_void_p, ReleaseFn]),
    ("dx_activity_heartbeat", Error, [Handle, Text]),
    ("dx_activity_defer", Error, [Handle]),
    ("dx_activity_complete", Error, [Handle, Text]),
    ("dx_activity_fail", Error, [Handle, Text]),
    # Pull mode
    ("dx_runtime_poll", Error, [Handle, Text, c_int32, c_int32, c_int64, OutBuffer]),
    # Simulation
    ("dx_simulation_new", Error, [Text, Out]),
    ("dx_simulation_step", Error, [Handle, Text, OutBuffer]),
    ("dx_simulation_free", None, [Handle]),
]


#: Called all the time, and never wait: to let other threads in costs more than the call.
QUICK = ("dx_buffer_free", "dx_activity_is_cancelled")


def declare(library: ctypes.CDLL, path: str) -> None:
    """Gives each function its types. Raises AttributeError for one that the library lacks."""
    quick = ctypes.PyDLL(path)
    for name in QUICK:
        setattr(library, name, getattr(quick, name))
    for name, result, arguments in DECLARATIONS:
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
