/** Counts what went over the wire. */
export class Meter {
    requests = 0;
    bytes = 0;
    rounds = 0;
    snapshot() {
        return { requests: this.requests, bytes: this.bytes, rounds: this.rounds };
    }
}
