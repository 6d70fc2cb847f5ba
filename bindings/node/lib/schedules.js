'use strict';
// What schedules are made of, on the wire: times and an action.

const json = require('./json.js');
const { InvalidArgument } = require('./errors.js');
const { nameOf } = require('./definitions.js');
const { known } = require('./options.js');
const { milliseconds, moment, whole } = require('./durations.js');

const FIELDS = ['year', 'month', 'dayOfMonth', 'dayOfWeek', 'hour', 'minute', 'second'];
const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** { cron, timeZone, interval: { every, offset }, calendar, start, end, jitter } as a schedule-spec. */
function spec(given) {
  const names = ['cron', 'timeZone', 'interval', 'calendar', 'start', 'end', 'jitter'];
  const { cron, timeZone = 'UTC', interval, calendar, start, end, jitter } = known(
    given, names, 'The members of a schedule spec',
  );
  const wire = { timeZone: json.text(timeZone, 'The timeZone') };
  if (cron !== undefined) wire.cron = list(cron).map((line) => json.text(line, 'A line of cron'));
  if (interval !== undefined) wire.interval = list(interval).map(intervalWire);
  if (calendar !== undefined) {
    wire.calendar = list(calendar).map((each) => known(each, FIELDS, 'The fields of a calendar'));
  }
  if (start !== undefined) wire.start = moment(start, 'start');
  if (end !== undefined) wire.end = moment(end, 'end');
  if (jitter !== undefined) wire.jitterMS = milliseconds(jitter, 'jitter', 0);
  return wire;
}

function intervalWire(given) {
  const { every, offset = 0 } = known(given, ['every', 'offset'], 'The members of an interval');
  return { everyMS: milliseconds(every, 'every'), offsetMS: milliseconds(offset, 'offset', 0) };
}

/** { orchestration, input, version, priority, attributes, memo } as a schedule-action. */
function action(given, attributes) {
  const names = ['orchestration', 'input', 'version', 'priority', 'attributes', 'memo'];
  const members = known(given, names, 'The members of a schedule action');
  if (members.orchestration === undefined) throw new InvalidArgument('A schedule action needs an orchestration.');
  const wire = { orchestration: nameOf(members.orchestration, 'The orchestration'), input: members.input ?? null };
  if (members.version !== undefined) wire.version = json.text(members.version, 'The version');
  if (members.priority !== undefined) wire.priority = whole(members.priority, 'priority', -1000, 1000);
  if (members.attributes !== undefined) wire.attributes = attributes(members.attributes);
  if (members.memo !== undefined) wire.memo = members.memo;
  return wire;
}

module.exports = { spec, action };
