'use strict';

const { NonDurableAwait } = require('../errors.js');

/** The error for something that no replay could repeat. `instead`: what to do about it. */
function refusal(what, instead = 'Do such work in an activity.') {
  return new NonDurableAwait(
    `Orchestration code cannot use ${what}: it is not recorded, so a replay could not repeat it. ${instead}`,
  );
}

module.exports = { refusal };
