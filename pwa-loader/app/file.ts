// An open file: its name and what it is, the search, the hits, what it is made of.
import type { RvfFile } from '../lib/dist/index.js';
import { aboutView } from './about.js';
import { counted, h, icon, neutral, size } from './dom.js';
import { SearchView } from './search.js';
import type { Picked } from './source.js';
import { verifyView } from './verify.js';

export interface FileActions {
  close: () => void;
  reopen: () => void;
}

const METRICS = { l2: 'Euclidean distance', ip: 'inner product', cosine: 'cosine distance' } as const;

export function fileView(file: RvfFile, picked: Picked, actions: FileActions): { element: HTMLElement; search: SearchView } {
  const info = file.info();
  const search = new SearchView(file, picked.source instanceof URL, actions.reopen);
  const where = picked.source instanceof URL
    ? h('p', { class: 'where' }, icon('cloud'), h('span', {}, 'Read from ', h('bdi', {}, picked.host ?? location.host), info.residency === 'streamed' ? ', only what a search needs. Your queries stay on this device.' : '. Your queries stay on this device.'))
    : h('p', { class: 'where' }, icon('lock'), h('span', {}, 'Open on this device. Nothing is uploaded.'));

  const warnings = info.warnings.length > 0 && h('section', { class: 'warnings', 'aria-label': 'Warnings' }, icon('warning'), h('ul', {}, ...info.warnings.map((text) => h('li', {}, h('bdi', {}, neutral(text))))));
  const element = h('div', { class: 'file' },
    h('header', { class: 'file-head' },
      h('div', { class: 'row' },
        h('h1', { class: 'name', tabindex: -1 }, h('bdi', {}, neutral(picked.name))),
        h('button', { type: 'button', onclick: actions.close }, 'Close file')),
      h('ul', { class: 'facts' }, ...[counted(info.rows, 'vector'), counted(info.dimension, 'dimension'), METRICS[info.metric], size(info.bytes)].map((fact) => h('li', {}, fact))),
      where),
    warnings,
    h('div', { class: 'columns' },
      h('div', { class: 'searching' }, search.form, search.results),
      h('aside', { class: 'about', 'aria-label': 'About this file' }, verifyView(file), aboutView(info))));
  return { element, search };
}
