// The page's one entry.
import { App } from './app.js';
import { registerWorker, wireInstall } from './install.js';
new App();
wireInstall();
void registerWorker();
