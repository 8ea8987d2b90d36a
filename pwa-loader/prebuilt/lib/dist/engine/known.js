// Made by scripts/twin.mjs.
export const KERNELS = new Set(["a2ff9db5c4a3f4253d36ea50ddf12a26c2a4389b081809419f4e0ab90905dcee","09845361ad4dd8cd1b428a66128da8abc2d7129a9bd04d0ca1465d0fd3d90e43"]);
export const TWIN = "09845361ad4dd8cd1b428a66128da8abc2d7129a9bd04d0ca1465d0fd3d90e43";
