'use strict';
// What replays of recorded histories come to. `String(report)` is for people.

const { Nondeterminism } = require('./errors.js');

const HINTS = {
  differs: 'keep the old way for instances that have taken it (`if (ctx.patched(...))`), or register the changed '
    + 'code as a new version beside the old one',
  endedDifferently: 'nothing that has ended is run again; instances that are still open come to the new end',
  notRegistered: 'instances stay with their version: register it beside the new one',
};

/** The members of "replay-report" in docs/wire-format.md. */
class ReplayReport {
  constructor(wire) {
    Object.assign(this, wire);
  }

  get isSame() {
    return this.verdict === 'same';
  }

  /** Throws Nondeterminism with the whole report, unless history and code are the same. */
  throwIfDifferent() {
    if (!this.isSame) throw new Nondeterminism(String(this), { details: { ...this } });
  }

  toString() {
    if (this.isSame) return `same: ${this.message}`;
    const code = `orchestration '${this.orchestration}' ${this.version ?? ''}`;
    const head = `${this.verdict}: instance '${this.instance}', execution ${this.execution}, ${code}`;
    return [head, ...difference(this), ...hint(this.verdict)].join('\n');
  }
}

/** The members of "preflight-report". */
class PreflightReport {
  constructor(wire) {
    Object.assign(this, wire);
  }

  toString() {
    const sum = (groups) => groups.reduce((total, each) => total + each.count, 0);
    const lines = [
      `${this.isClean ? 'clean' : 'NOT CLEAN'}: ${this.checked} open instances, ${this.same} the same, `
        + `${this.pending} not begun, ${sum(this.groups)} different, ${sum(this.notRegistered)} not registered`,
    ];
    for (const each of [...this.groups, ...this.notRegistered]) {
      const more = each.count > each.instances.length ? ', ...' : '';
      lines.push(
        `\n${each.count} x ${each.verdict}: '${each.orchestration}' ${each.version ?? ''}`,
        ...difference(each),
        `  instances: ${each.instances.join(', ')}${more}`,
        ...hint(each.verdict),
      );
    }
    return lines.join('\n');
  }
}

function difference(report) {
  if (report.expected === undefined || report.found === undefined) return [`  ${report.message}`];
  const place = report.event === undefined ? 'its history' : `event ${report.event}`;
  const kind = report.eventKind ? ` (${report.eventKind})` : '';
  return [
    `  at ${place}${kind}: ${report.rule ?? 'difference'}`,
    `  history has: ${report.expected}`,
    `  the code does: ${report.found}`,
  ];
}

function hint(verdict) {
  return HINTS[verdict] === undefined ? [] : [`  hint: ${HINTS[verdict]}`];
}

module.exports = { ReplayReport, PreflightReport };
