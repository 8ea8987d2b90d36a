// The page's one entry.
import { App } from './app.js';
import { registerWorker, wireInstall } from './install.js';
const app = new App();
wireInstall();
app.openFromAddress();
addEventListener('popstate', () => {
    // To a file's address the page goes by opening it; to its own by closing what is open.
    if (location.search)
        app.openFromAddress();
    else
        void app.close();
});
void registerWorker();
