export class RvfError extends Error {
    name = 'RvfError';
    code;
    rule;
    offset;
    constructor(code, message, place = {}) {
        super(message, place.cause === undefined ? undefined : { cause: place.cause });
        this.code = code;
        if (place.rule !== undefined)
            this.rule = place.rule;
        if (place.offset !== undefined)
            this.offset = place.offset;
    }
}
/** The file breaks a rule of the format. */
export function broken(rule, message, offset) {
    const at = offset === undefined ? '' : `, at byte ${offset} of the file`;
    return new RvfError('FORMAT', `${message}${at} (${rule}); get the file again from its source, or pack it again`, { rule, offset });
}
/** Throws unless a rule holds. The message is made only when it is needed. */
export function ensure(holds, rule, message, offset) {
    if (!holds)
        throw broken(rule, message(), offset);
}
export const request = (message) => new RvfError('REQUEST', message);
export function noteOf(error) {
    if (error instanceof RvfError) {
        const note = { name: error.name, message: error.message, code: error.code };
        if (error.rule !== undefined)
            note.rule = error.rule;
        if (error.offset !== undefined)
            note.offset = error.offset;
        return note;
    }
    if (error instanceof Error)
        return { name: error.name, message: error.message };
    return { name: 'Error', message: String(error) };
}
export function errorOf(note) {
    if (note.code)
        return new RvfError(note.code, note.message, note);
    const error = new Error(note.message);
    error.name = note.name;
    return error;
}
