// The search: what is asked, by id, row or vector. What was asked by id or row stands in the page's address, behind the #, so that
// the back button walks through it and it can be sent.
import type { FileInfo, Id, RvfFile, SearchRequest } from '../lib/dist/index.js';
import { count, h, icon, neutral, recallText } from './dom.js';
import { usual } from './efforts.js';
import { hitsView } from './hits.js';
import { codeOf, isAbort, problem } from './problem.js';
import { parseVector } from './vector.js';

type By = 'id' | 'row' | 'vector';
const MOST_HITS = 65_536;
const USUAL_HITS = 10;
/** The ways of asking that an address has words for. */
const BY = ['id', 'row'] as const;

/** Something that the person can mend: it is said beside the form. */
class Wrong extends Error {}

interface Asked {
  request: SearchRequest;
  /** What the hits are near to, as a caption. */
  what: string;
}

export class SearchView {
  readonly form: HTMLFormElement;
  readonly results: HTMLElement;
  readonly #file: RvfFile;
  readonly #info: FileInfo;
  readonly #remote: boolean;
  readonly #reopen: () => void;
  readonly #text = h('input', { id: 'search-text', class: 'grow', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'search-wrong' });
  readonly #area = h('textarea', { id: 'search-area', rows: 4, spellcheck: 'false', 'aria-describedby': 'search-wrong' });
  readonly #label = h('label', { for: 'search-text' });
  readonly #random = h('button', { type: 'button', onclick: () => void this.#askRandom() }, icon('dice'), h('span', {}, 'Any row'));
  readonly #k = h('input', { id: 'search-k', type: 'number', inputmode: 'numeric', min: 1, max: MOST_HITS, value: USUAL_HITS, required: true });
  readonly #effort = h('select', { id: 'search-effort' });
  readonly #wrong = h('p', { id: 'search-wrong', class: 'wrong', role: 'alert' });
  readonly #status = h('p', { class: 'status', role: 'status' });
  readonly #list = h('div', {});
  #by: By;
  #example = '';
  #task: AbortController | undefined;

  constructor(file: RvfFile, remote: boolean, reopen: () => void) {
    this.#file = file;
    this.#remote = remote;
    this.#info = file.info();
    this.#reopen = reopen;
    this.#by = this.#info.idKind === 'none' ? 'row' : 'id';
    const ways: [By, string][] = [...(this.#info.idKind === 'none' ? [] : [['id', 'Like an id'] as [By, string]]), ['row', 'Like a row'], ['vector', 'A vector']];
    const choices = ways.map(([by, name]) => h('label', {}, h('input', { type: 'radio', name: 'by', value: by, checked: by === this.#by, onchange: () => this.#choose(by) }), h('span', {}, name)));
    this.form = h('form', { class: 'card search', role: 'search', novalidate: true, onsubmit: (event: Event) => { event.preventDefault(); void this.#submit(); } },
      h('fieldset', { class: 'segmented' }, h('legend', { class: 'sr-only' }, 'Search by'), ...choices),
      h('div', { class: 'field' }, this.#label, h('div', { class: 'row' }, this.#text, this.#area, this.#random)),
      h('div', { class: 'row options' },
        h('div', { class: 'field' }, h('label', { for: 'search-k' }, 'Hits'), this.#k),
        h('div', { class: 'field grow' }, h('label', { for: 'search-effort' }, 'Recall'), this.#effort),
        h('button', { class: 'primary' }, icon('search'), h('span', {}, 'Search'))),
      this.#wrong);
    this.results = h('section', { class: 'results', 'aria-label': 'Hits' }, this.#status, this.#list);
    this.#k.addEventListener('change', () => this.#offerEfforts());
    this.#text.addEventListener('input', () => this.#mend());
    this.#area.addEventListener('input', () => this.#mend());
    // Where Enter begins a new line.
    this.#area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    if (!remote && this.#info.idKind !== 'none') void this.#giveExample();
    this.#choose(this.#by);
    this.#clear();
  }

  /** Ids have no rules but their maker's: one of them says more than any words. */
  async #giveExample(): Promise<void> {
    try {
      const { id } = await this.#file.row(0);
      this.#example = `such as ${neutral(String(id))}`;
      if (this.#by === 'id') this.#text.placeholder = this.#example;
    } catch {
      // A row that can't be read is told of when it is asked for.
    }
  }

  #clear(): void {
    this.#status.textContent = '';
    this.#list.replaceChildren(h('p', { class: 'empty' }, 'Hits appear here: ask for what is near an id, a row or a vector, or start with any row.'));
  }

  /** Asks what an address asks for behind its #; nothing where there is nothing. */
  restore(hash: string): void {
    const asked = new URLSearchParams(hash.replace(/^#/u, '')), by = BY.find((one) => asked.has(one));
    if (by === undefined || (by === 'id' && this.#info.idKind === 'none')) {
      this.#task?.abort(new DOMException('The page went back.', 'AbortError'));
      this.#task = undefined;
      return this.#clear();
    }
    this.#k.value = asked.get('k') ?? String(USUAL_HITS);
    this.#choose(by);
    this.#text.value = asked.get(by) ?? '';
    const effort = asked.get('recall') ?? '';
    this.#effort.value = [...this.#effort.options].some(({ value }) => value === effort) ? effort : '';
    void this.#submit();
  }

  #remember(): void {
    if (this.#by === 'vector') return;
    const { value: k } = this.#k, { value: recall } = this.#effort;
    const asked = new URLSearchParams({ [this.#by]: this.#text.value, ...(k === String(USUAL_HITS) ? {} : { k }), ...(recall ? { recall } : {}) });
    const hash = `#${asked}`;
    if (location.hash !== hash) history.pushState(null, '', hash);
  }

  /** Shows the input that this way of asking needs. */
  #choose(by: By): void {
    const { rows, dimension, idKind } = this.#info;
    this.#by = by;
    for (const radio of this.form.querySelectorAll<HTMLInputElement>('input[name=by]')) radio.checked = radio.value === by;
    const vector = by === 'vector';
    this.#text.hidden = vector;
    this.#random.hidden = vector;
    this.#area.hidden = !vector;
    this.#label.htmlFor = vector ? 'search-area' : 'search-text';
    this.#label.textContent = { id: idKind === 'u64' ? 'Id, a whole number' : 'Id, as it was packed', row: `Row, 0 to ${count(rows - 1)}`, vector: `Vector: ${count(dimension)} numbers, as a JSON array or with spaces or commas between them` }[by];
    this.#text.placeholder = by === 'id' ? this.#example : '';
    this.#text.inputMode = by === 'row' || idKind === 'u64' ? 'numeric' : 'text';
    this.#area.placeholder = '[0.12, -0.03, …]';
    this.#offerEfforts();
    this.#mend();
  }

  /** The recalls that were measured for so many hits, as the library will choose among them. */
  #offerEfforts(): void {
    const { efforts, usualRecall } = this.#info, before = this.#effort.value;
    const k = this.#k.valueAsNumber;
    const ks = efforts.map((effort) => effort.k), least = Math.min(...ks.filter((x) => x >= k)), group = Number.isFinite(least) ? least : Math.max(...ks);
    const measured = efforts.filter((effort) => effort.k === group).sort((a, b) => a.recall - b.recall);
    const packed = measured.find((effort) => effort.recall >= usualRecall);
    const option = (value: string, text: string): HTMLOptionElement => h('option', { value }, text);
    const cost = (lists: number): string => (this.#info.lists > 1 ? `, ${count(lists)} of ${count(this.#info.lists)} lists` : '');
    // Of those that read alike the one that finds most.
    const wishes = usual(measured)
      .map((effort) => ({ effort, text: recallText(effort.recall) }))
      .filter(({ text }, at, all) => all[at + 1]?.text !== text)
      .map(({ effort, text }) => option(String(effort.recall), `${text}${cost(effort.probes)}`));
    this.#effort.replaceChildren(
      option('', packed ? `as packed: ${recallText(packed.recall)}${cost(packed.probes)}` : 'as packed: every vector'),
      ...wishes,
      option('exact', 'exact: every vector, as stored'));
    if ([...this.#effort.options].some((one) => one.value === before)) this.#effort.value = before;
  }

  #mend(): void {
    this.#text.removeAttribute('aria-invalid');
    this.#area.removeAttribute('aria-invalid');
    this.#wrong.replaceChildren();
  }

  async #submit(): Promise<void> {
    await this.#run(async () => this.#read());
  }

  /** Searches for the neighbours of a hit. */
  async like(id: Id): Promise<void> {
    this.#choose(this.#info.idKind === 'none' ? 'row' : 'id');
    this.#text.value = String(id);
    await this.#submit();
    this.results.scrollIntoView({ block: 'nearest' });
  }

  async #askRandom(): Promise<void> {
    this.#choose('row');
    this.#text.value = String(Math.floor(Math.random() * this.#info.rows));
    await this.#submit();
  }

  /** What the form asks for. */
  async #read(): Promise<Asked> {
    const k = this.#k.valueAsNumber;
    if (!(Number.isInteger(k) && k >= 1 && k <= MOST_HITS)) {
      this.#k.focus();
      throw new Wrong(`Ask for 1 to ${count(MOST_HITS)} hits.`);
    }
    const effort = this.#effort.value;
    const how = { k, ...(effort === 'exact' ? { exact: true } : effort ? { recall: Number(effort) } : {}) };
    if (this.#by === 'vector') {
      const parsed = parseVector(this.#area.value, this.#info.dimension, this.#info.metric === 'cosine');
      if ('error' in parsed) throw this.#bad(this.#area, parsed.error);
      return { request: { vector: parsed.vector, ...how }, what: 'Near the vector' };
    }
    const text = this.#text.value;
    if (this.#by === 'id') {
      const like = this.#id(text);
      return { request: { like, ...how }, what: `Near ${neutral(String(like))}` };
    }
    const trimmed = text.trim(), row = /^\d{1,10}$/u.test(trimmed) ? Number(trimmed) : NaN;
    if (!(row < this.#info.rows)) throw this.#bad(this.#text, trimmed ? `There is no row “${trimmed.slice(0, 24)}”: rows are whole numbers from 0 to ${count(this.#info.rows - 1)}.` : 'Type the number of a row, or take any.');
    const { id } = await this.#file.row(row);
    return { request: { like: id, ...how }, what: this.#info.idKind === 'none' ? `Near row ${count(row)}` : `Near row ${count(row)}, ${neutral(String(id))}` };
  }

  #id(text: string): Id {
    if (this.#info.idKind === 'text') {
      if (!text) throw this.#bad(this.#text, 'Type an id, such as one of the hits; “Any row” finds some.');
      return text;
    }
    const trimmed = text.trim();
    if (!/^\d{1,20}$/u.test(trimmed)) throw this.#bad(this.#text, 'Ids of this file are whole numbers, without separators.');
    return BigInt(trimmed);
  }

  #bad(field: HTMLElement, message: string): Wrong {
    field.setAttribute('aria-invalid', 'true');
    field.focus();
    return new Wrong(message);
  }

  /** Runs one search. A later one ends an earlier one. */
  async #run(read: () => Promise<Asked>): Promise<void> {
    this.#task?.abort(new DOMException('Another search came.', 'AbortError'));
    const task = (this.#task = new AbortController());
    this.#mend();
    this.results.setAttribute('aria-busy', 'true');
    // Said only where it takes long enough to be read.
    const waiting = setTimeout(() => (this.#status.textContent = 'Searching…'), 300);
    try {
      const { request, what } = await read();
      const answer = await this.#file.search({ ...request, signal: task.signal });
      if (this.#task !== task) return;
      const { table, summary } = hitsView(answer, what, this.#info, this.#remote ? this.#file.traffic() : undefined, (id) => void this.like(id));
      // The hit that was pressed goes away with its table; who works with the keyboard goes on in the new one.
      const inside = this.#list.contains(document.activeElement);
      this.#list.replaceChildren(table);
      if (inside) table.querySelector('caption')?.focus({ preventScroll: true });
      this.#status.textContent = summary;
      this.#remember();
    } catch (error) {
      if (this.#task !== task || isAbort(error)) return;
      this.#status.textContent = '';
      if (error instanceof Wrong || codeOf(error) === 'REQUEST') {
        const message = error instanceof Error ? error.message : '';
        this.#wrong.replaceChildren(icon('warning'), h('bdi', {}, neutral(message)));
      } else {
        const again = h('button', { type: 'button', onclick: this.#reopen }, 'Open it again');
        this.#list.replaceChildren(problem(error, again));
      }
    } finally {
      clearTimeout(waiting);
      if (this.#task === task) {
        this.results.removeAttribute('aria-busy');
        if (this.#status.textContent === 'Searching…') this.#status.textContent = '';
      }
    }
  }
}
