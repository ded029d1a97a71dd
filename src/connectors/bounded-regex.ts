import v8 from 'node:v8';
import vm from 'node:vm';
import { systemClock } from '../core/clock.ts';

/** Of all searches of one evaluation, in milliseconds. */
const longestMs = 200;

/**
 * Regular expressions of an operator, none of which may hold the program up. A search that tries too much is done anew by V8's other
 * engine, whose time grows with the text alone. What that one cannot do (back-references, look-around, regardless of case, long counts) is
 * searched for by a script that is cut off, which costs a quarter of a millisecond each time.
 */
export class BoundedRegex extends RegExp {
  #spentMs = 0;

  override exec(text: string): RegExpExecArray | null {
    const leftMs = longestMs - this.#spentMs;
    if (leftMs <= 0) throw tooLong(this);
    const startedMs = systemClock.monotonicMs();
    const found = isLinear(this) ? super.exec(text) : searchWithin(this, text, leftMs);
    this.#spentMs += systemClock.monotonicMs() - startedMs;
    return found;
  }
}

const known = new Map<string, boolean>();
/** Texts that are put together at run time are without number. */
const mostKnown = 1000;

/** Whether the other engine knows it: only such may have its flag. */
function isLinear({ source, flags }: RegExp): boolean {
  const name = `${flags}/${source}`;
  let linear = known.get(name);
  if (linear === undefined) {
    v8.setFlagsFromString('--enable-experimental-regexp-engine');
    v8.setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
    linear = mayHaveFlag(source, `${flags}l`);
    if (known.size >= mostKnown) known.clear();
    known.set(name, linear);
  }
  return linear;
}

function mayHaveFlag(source: string, flags: string): boolean {
  try {
    new RegExp(source, flags);
    return true;
  } catch {
    return false;
  }
}

const place = vm.createContext({ exec: RegExp.prototype.exec, regex: /./, text: '' });
const search = new vm.Script('exec.call(regex, text)');

function searchWithin(regex: RegExp, text: string, leftMs: number): RegExpExecArray | null {
  Object.assign(place, { regex, text });
  try {
    return search.runInContext(place, { timeout: Math.ceil(leftMs) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw tooLong(regex);
  }
}

function tooLong({ source }: RegExp): Error {
  return new Error(`the regular expression /${source}/ takes more than ${longestMs} ms for this text`);
}
