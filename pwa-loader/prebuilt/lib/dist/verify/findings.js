// What a verification has found so far.
import { RvfError } from '../errors.js';
/** More faults than these are counted and not listed: a file may be wrong in each of a million rows. */
const MOST = 100;
export class Findings {
    faults = [];
    warnings = [];
    unlisted = 0;
    add(rule, message, offset) {
        if (this.faults.length >= MOST)
            this.unlisted++;
        else
            this.faults.push(offset === undefined ? { rule, message } : { rule, message, offset });
    }
    /** Takes what was thrown for a fault, if it is the file's. */
    take(error) {
        if (!(error instanceof RvfError) || error.rule === undefined)
            throw error;
        this.add(error.rule, error.message, error.offset);
    }
    /** Runs a check; whether it passed. */
    passes(check) {
        try {
            check();
            return true;
        }
        catch (error) {
            this.take(error);
            return false;
        }
    }
}
