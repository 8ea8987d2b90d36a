import { show } from './search.js';

const list = document.getElementById('related');
if (list) await show(list, 'ocean.n');
