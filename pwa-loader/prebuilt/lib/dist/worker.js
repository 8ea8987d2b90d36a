// What a worker runs. It is the one page of the library that does something when it is loaded.
import { serve } from './pool/host.js';
void serve();
