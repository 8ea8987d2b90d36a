// Made by scripts/twin.mjs.
export const KERNELS = new Set(["f6574180fd3ce0faa4de7782007dfa3cf656cf459db85224e29af45295591b96","3029f776dbef11fe01571298f93cecaaf591c0a13e8e6c055a917743115d003c"]);
export const TWIN = "3029f776dbef11fe01571298f93cecaaf591c0a13e8e6c055a917743115d003c";
