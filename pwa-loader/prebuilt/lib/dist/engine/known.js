// Made by scripts/twin.mjs.
export const KERNELS = new Set(["eeb207588dd500826e6476817d987b983c2fd8698069acc6a4817f35707339bf","2d8fd118991ffcfa71ad6321ed09bebdf96b61c3983f2e3759c3c4a8766f1637"]);
export const TWIN = "2d8fd118991ffcfa71ad6321ed09bebdf96b61c3983f2e3759c3c4a8766f1637";
