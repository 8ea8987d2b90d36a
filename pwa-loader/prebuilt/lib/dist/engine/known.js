// Made by scripts/twin.mjs.
export const KERNELS = new Set(["bbdadf18b83e1c2b3022a5cde28f3a973d5bad29abe0705845105bfed93352e9","50f487b9d1ae91cd21f19090b6ac2c441f99799d800f39a4397e60eacf018b86"]);
export const TWIN = "50f487b9d1ae91cd21f19090b6ac2c441f99799d800f39a4397e60eacf018b86";
