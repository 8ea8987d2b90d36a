// "More like this" on a static site: the file of vectors stands beside the pages, and no server takes part. Only the parts of the
// file that a search needs are fetched; the code that searches travels in the file and runs in a worker.
import { open } from 'rvf-web';

/**
 * @param {string | URL} url of the .rvf file, whose ids are the names of the pages
 * @param {string} page the name of this page
 * @param {number} [count]
 */
export async function related(url, page, count = 5) {
  const file = await open(url);
  try {
    const { hits } = await file.search({ like: page, k: count });
    return hits.map(({ id, distance }) => ({ page: String(id), nearness: 1 - distance }));
  } finally {
    await file.close();
  }
}

/**
 * Fills a list of links.
 * @param {HTMLElement} list
 * @param {string} page
 */
export async function show(list, page) {
  try {
    for (const { page: other } of await related(new URL('site.rvf', document.baseURI), page)) {
      const link = document.createElement('a'), item = document.createElement('li');
      link.href = `${encodeURIComponent(other)}.html`;
      link.textContent = other;
      item.append(link);
      list.append(item);
    }
  } catch (error) {
    // An RvfError says what was expected, what was found, and what to do.
    list.textContent = error instanceof Error ? error.message : String(error);
  }
}
