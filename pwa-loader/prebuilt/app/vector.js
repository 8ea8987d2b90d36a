// A vector as people paste it: a JSON array, or numbers with spaces, commas, semicolons or lines between them.
/** Enough for 65,536 components written with every digit that an f64 has. */
const LONGEST = 4 << 20;
/** What the kernel takes (K-QRY-1): a component above this is refused. */
const LARGEST = 1e15;
const ordinal = (n) => `${n}${n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th')}`;
const quoted = (text) => (text.length > 24 ? `“${text.slice(0, 24)}…”` : `“${text}”`);
/** Reads a vector of so many components, or says what is wrong with it and where. */
export function parseVector(text, dimension, cosine) {
    const trimmed = text.trim();
    if (!trimmed)
        return { error: `Paste a vector: ${dimension} numbers, as a JSON array or with spaces or commas between them.` };
    if (text.length > LONGEST)
        return { error: `This is ${(text.length / 2 ** 20).toFixed(1)} MiB of text, which is too long for a vector of ${dimension} numbers.` };
    const opens = trimmed.startsWith('['), closes = trimmed.endsWith(']');
    if (opens !== closes)
        return { error: opens ? 'The array is not closed: the last character should be “]”. Was all of it copied?' : 'There is a “]” at the end, but no “[” at the start. Was all of it copied?' };
    const words = (opens ? trimmed.slice(1, -1) : trimmed).trim().split(/\s*[,;]\s*|\s+/u);
    if (words.length === 1 && words[0] === '')
        return { error: `The array is empty. This file's vectors have ${dimension} numbers.` };
    // A comma behind the last number is common in what programs print.
    if (words.at(-1) === '')
        words.pop();
    const vector = new Float32Array(words.length);
    for (const [index, word] of words.entries()) {
        const place = `The ${ordinal(index + 1)} entry`;
        if (word === '')
            return { error: `${place} is missing: there are two commas with nothing between them.` };
        if (/^[[\]]|[[\]]$/u.test(word))
            return { error: `${place} is ${quoted(word)}: give one array, not an array of arrays.` };
        if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/iu.test(word))
            return { error: `${place} is ${quoted(word)}, which is not a number. Write a point as the decimal sign.` };
        const value = Number(word);
        if (!(Math.abs(value) <= LARGEST))
            return { error: `${place} is ${quoted(word)}, which is too large: at most 10¹⁵ is taken.` };
        vector[index] = value;
    }
    if (words.length !== dimension) {
        const hint = words.length % dimension === 0 ? ' These look like several vectors: search for one at a time.' : ' It may be of another model, or not all of it was copied.';
        return { error: `Found ${words.length} ${words.length === 1 ? 'number' : 'numbers'}; this file's vectors have ${dimension}.${hint}` };
    }
    if (cosine && vector.every((x) => x === 0))
        return { error: 'All numbers are 0. Under cosine distance a vector needs a direction.' };
    return { vector };
}
