// Made by scripts/twin.mjs.
export const KERNELS = new Set(["d12c90dc5eb38423156779c5fe03f67a6c7fcd833dcf77d0ad5e592c48bd2db5","8b66d824a0b830e8a7f1fbd1fd64810164737bf74aec5cd89b17a35ed8bda34e"]);
export const TWIN = "8b66d824a0b830e8a7f1fbd1fd64810164737bf74aec5cd89b17a35ed8bda34e";
