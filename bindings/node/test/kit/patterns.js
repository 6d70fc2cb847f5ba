'use strict';
// The patterns of the conformance kit (docs/kit.md).

const { isDeepStrictEqual } = require('node:util');
const { Unknown } = require('./expressions.js');

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** What `$same` and `$other` have compared, and the comparing. */
class Patterns {
  constructor(known = new Map()) {
    this.known = new Map(known);
  }

  match(pattern, found) {
    if (Array.isArray(pattern)) {
      if (!Array.isArray(found) || found.length !== pattern.length) return false;
      return pattern.every((each, index) => this.match(each, found[index]));
    }
    if (!isObject(pattern)) return Object.is(pattern, found);
    const entries = Object.entries(pattern);
    if (entries.length === 1 && entries[0][0].startsWith('$')) return this.special(...entries[0], found);
    return isObject(found) && Object.keys(found).length === entries.length && this.has(pattern, found);
  }

  has(patterns, found) {
    return Object.entries(patterns).every(([key, each]) => Object.hasOwn(found, key) && this.match(each, found[key]));
  }

  special(name, argument, found) {
    switch (name) {
      case '$any':
        return found !== null;
      case '$has':
        return isObject(found) && this.has(argument, found);
      case '$contains':
        return typeof found === 'string' && found.includes(argument);
      case '$oneOf':
        return argument.some((each) => this.match(each, found));
      case '$same':
        if (found === null) return false;
        if (!this.known.has(argument)) this.known.set(argument, found);
        return isDeepStrictEqual(this.known.get(argument), found);
      case '$other':
        return found !== null && !isDeepStrictEqual(this.known.get(argument), found);
      default:
        throw new Unknown(`there is no pattern '${name}'`);
    }
  }
}

module.exports = { Patterns };
