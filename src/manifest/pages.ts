/** Rows read and written together. */
const PAGE_ROWS = 1_000;

/** Collects what comes one by one into arrays of at most 1,000. */
export async function* inPages<T>(
  items: AsyncIterable<T>,
): AsyncGenerator<T[], void, undefined> {
  let page: T[] = [];
  for await (const item of items) {
    page.push(item);
    if (page.length < PAGE_ROWS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
