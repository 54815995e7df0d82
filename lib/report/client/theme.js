// Light or dark, and the colours of either as a canvas needs them.

/** @type {Map<string, string>} asking the browser each time would cost more than the drawing */
const colours = new Map();

/** @param {string} variable the name of a colour of the style sheet */
export function colour(variable) {
  const known = colours.get(variable);
  if (known !== undefined) return known;
  const probe = document.createElement('span');
  probe.style.color = `var(${variable})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  colours.set(variable, color);
  return color;
}

/**
 * @param {string} color as computed: rgb(r, g, b)
 * @param {number} alpha
 */
export function faint(color, alpha) {
  return color.replace(/^rgb\(([^)]*)\)$/, `rgba($1, ${alpha})`);
}

/**
 * Calls back when colours have changed: by the switch, by the system, and for a printer, which gets
 * them light.
 *
 * @param {(printing: boolean) => void} changed
 */
export function onTheme(changed) {
  const root = document.documentElement;
  const choice = /** @type {HTMLSelectElement} */ (document.getElementById('theme'));
  const now = (printing = false) => {
    colours.clear();
    changed(printing);
  };
  const apply = (/** @type {string} */ theme, printing = false) => {
    if (theme === '') delete root.dataset.theme;
    else root.dataset.theme = theme;
    now(printing);
  };
  choice.addEventListener('change', () => apply(choice.value));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => now());
  addEventListener('beforeprint', () => apply('light', true));
  addEventListener('afterprint', () => apply(choice.value));
}
