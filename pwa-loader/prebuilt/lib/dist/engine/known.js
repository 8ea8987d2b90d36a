// Made by scripts/twin.mjs.
export const KERNELS = new Set(["785e6ef243a72cd897653f97941e38351391c262f39f0344f0844958e0d898c5","ddd0175517868dcbfd2a4996b2d9619b08c7a5d6ee260401a75dba12fbe1579b"]);
export const TWIN = "ddd0175517868dcbfd2a4996b2d9619b08c7a5d6ee260401a75dba12fbe1579b";
