// Made by scripts/twin.mjs.
export const KERNELS = new Set(["effc41b969c45aebfae810dd5b06b0340f8905a75cceaf0f7736b10cab070edf","a8b4df587b4ab33e3ef2e895d6255913f6c16798b0ef85d588f78ba75f30474d"]);
export const TWIN = "a8b4df587b4ab33e3ef2e895d6255913f6c16798b0ef85d588f78ba75f30474d";
