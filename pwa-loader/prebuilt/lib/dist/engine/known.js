// Made by scripts/twin.mjs.
export const KERNELS = new Set(["f12da27b4c9e2c6e92b80d04fa68f91de8ff6e82eab5f423ddbef2b742dea5e1","b79721bb08e2c0428f69cd8956b2eac0a23e026f1e94e51116f48a660e7a97d1"]);
export const TWIN = "b79721bb08e2c0428f69cd8956b2eac0a23e026f1e94e51116f48a660e7a97d1";
