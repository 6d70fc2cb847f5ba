'use strict';
// The turn host: runs orchestrations over their events, in pure JavaScript.

const { OrchestrationContext } = require('./context.js');
const { Call, ContinueAsNew, Handle } = require('./handles.js');
const { TurnHost } = require('./host.js');
const { Task } = require('./tasks.js');

module.exports = { TurnHost, OrchestrationContext, Handle, Task, Call, ContinueAsNew };
