// The rows of a two-dimensional .npy file (float16, float32, float64, int8 or uint8; C order) as Float32Arrays.

/** The number that an f16 stands for. */
export const half = (h) => {
  const sign = h & 0x8000 ? -1 : 1, exponent = (h >> 10) & 31, fraction = h & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
};
const READERS = {
  '<f2': [2, (v, at) => half(v.getUint16(at, true))],
  '<f4': [4, (v, at) => v.getFloat32(at, true)],
  '<f8': [8, (v, at) => v.getFloat64(at, true)],
  '|i1': [1, (v, at) => v.getInt8(at)],
  '|u1': [1, (v, at) => v.getUint8(at)],
};

export function readNpy(buffer) {
  if (buffer.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error('not a .npy file');
  const start = buffer[6] === 1 ? 10 + buffer.readUInt16LE(8) : 12 + buffer.readUInt32LE(8);
  const header = buffer.toString('latin1', 10, start);
  const [, dtype] = /'descr':\s*'([^']+)'/.exec(header) ?? [];
  const [, rows, columns] = /'shape':\s*\((\d+),\s*(\d+)\s*,?\)/.exec(header) ?? [];
  const [size, read] = READERS[dtype] ?? [];
  if (!read || rows === undefined || /'fortran_order':\s*True/.test(header)) throw new Error(`a .npy of another kind: ${header.trim()}`);
  const view = new DataView(buffer.buffer, buffer.byteOffset + start);
  return Array.from({ length: Number(rows) }, (_, r) => Float32Array.from({ length: Number(columns) }, (_, c) => read(view, (r * columns + c) * size)));
}
