'use strict';

/** `value instanceof Kind` for what somebody has thrown: a proxy may throw when it is asked. */
function isA(value, Kind) {
  try {
    return value instanceof Kind;
  } catch {
    return false;
  }
}

module.exports = { isA };
