/** A table of the page: a row per quantity, a column per run. */
import { Html, html } from './html.js';

export interface Row {
  readonly name: string;
  readonly cells: readonly string[];
  /** Which cells are the best of their row. */
  readonly best?: readonly boolean[] | undefined;
}

/** Rows that belong together, under a heading. */
export interface RowGroup {
  readonly name?: string;
  readonly rows: readonly Row[];
}

const swatch = (run: number) => html`<span class="swatch run-${run % 8}"></span>`;

function rowHtml({ name, cells, best }: Row, differs: boolean): Html {
  const mark = html`<span class="mark" title="differs"> ≠<span class="hidden"> differs</span></span>`;
  return html`<tr${differs && new Html(' class="differs"')}><th scope="row">${name}${differs && mark}</th>${cells.map(
    (cell, i) => (best?.[i] ? html`<td><strong>${cell}</strong></td>` : html`<td>${cell}</td>`),
  )}</tr>
`;
}

/** @param marked whether a row is marked whose cells differ */
export function table(
  caption: string,
  names: readonly string[],
  groups: readonly RowGroup[],
  marked = false,
): Html {
  const head = html`<thead><tr><td></td>${names.map(
    (name, i) => html`<th scope="col">${swatch(i)}${name}</th>`,
  )}</tr></thead>`;
  const columns = names.length + 1;
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table>
<caption class="hidden">${caption}</caption>
${names.length > 1 && head}
${groups.map(
  ({ name, rows }) => html`<tbody>
${name !== undefined && html`<tr><th class="group" colspan="${columns}" scope="rowgroup">${name}</th></tr>`}
${rows.map((row) => rowHtml(row, marked && row.cells.some((cell) => cell !== row.cells[0])))}</tbody>`,
)}
</table></div>`;
}
