// Made by scripts/twin.mjs.
export const KERNELS = new Set(["3353d9fc7402a0fc2f961488df86202d9edb810b02f1fb9723a58549df869f2b","b86cd3b06bb6f6ee1060e3f586ddca16bf53931be168de9d8f47be2263f4c1a2"]);
export const TWIN = "b86cd3b06bb6f6ee1060e3f586ddca16bf53931be168de9d8f47be2263f4c1a2";
