// The page in a real browser: what it draws, and that it does so alone.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ReportRun, writeReport } from '../../lib/index.js';
import { hostile, hostileRun, learningRun, start, step } from './runs.js';

const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';
// In CI there has to be one: a missing browser is a failure there.
const missing = !existsSync(executablePath) && !process.env.CI;

const args = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

const bnLstm = learningRun();
const lstm = learningRun({
  ...{ name: 'lstm', scale: 3000, seed: 2, end: false },
  start: start({ configuration: { ...start().configuration, clipNorm: 5 } }),
});

describe.skipIf(missing)(`a report in ${executablePath} (skipped where there is none)`, () => {
  let folder = '';
  let browser: Browser;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bnlstm-browser-'));
    browser = await chromium.launch({ executablePath, args });
  }, 300_000); // on a slow machine, and not yet in its cache

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  async function newContext(options?: BrowserContextOptions) {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(100_000); // slow machines are right, too
    return context;
  }

  /** Opens a report of runs and hands it over; then nothing may have been asked for or complained of. */
  async function visit(
    runs: readonly ReportRun[],
    look: (page: Page) => Promise<void>,
    options: BrowserContextOptions = {},
  ): Promise<void> {
    const url = pathToFileURL(join(folder, 'report.html')).href;
    await writeReport(join(folder, 'report.html'), runs);
    const context = await newContext(options);
    try {
      const faults: string[] = [];
      await context.route('**', (route) => {
        if (route.request().url() === url) return route.continue();
        faults.push(`asked for ${route.request().url()}`);
        return route.abort();
      });
      const page = await context.newPage();
      page.on('console', (message) => faults.push(message.text()));
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('dialog', (dialog) => {
        faults.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      await page.goto(url);
      await look(page);
      expect(faults).toEqual([]);
    } finally {
      await context.close();
    }
  }

  /** Of each chart: pixels that have the colour of a run, as good as opaque. */
  const drawn = (page: Page, run: number) =>
    page.evaluate(async (index) => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const probe = document.createElement('span');
      probe.className = `run-${index}`;
      document.body.append(probe);
      const colour = getComputedStyle(probe).color.match(/\d+/g)!.map(Number);
      probe.remove();
      return [...document.querySelectorAll<HTMLCanvasElement>('.chart canvas')].map((canvas) => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d')!;
        copy.drawImage(canvas, 0, 0); // reading the canvas itself would draw a warning
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          const near = colour.every((value, k) => Math.abs(data[i + k] - value) < 24);
          if (near && data[i + 3] > 200) count++;
        }
        return count;
      });
    }, run);

  /** What the canvas of a chart shows. */
  const picture = (page: Page, curve: string) =>
    page.evaluate(async (name) => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return document.querySelector<HTMLCanvasElement>(`[data-curve=${name}] canvas`)!.toDataURL();
    }, curve);

  /** Sets a control as a hand would: with its events. */
  const set = (page: Page, selector: string, value: string) =>
    page.locator(selector).evaluate((control, to) => {
      (control as HTMLInputElement).value = to;
      control.dispatchEvent(new Event('input', { bubbles: true }));
    }, value);

  it.each(['light', 'dark'] as const)('draws every curve of two runs (%s)', async (colorScheme) => {
    await visit(
      [bnLstm, lstm],
      async (page) => {
        const heads = await page.locator('.chart h3').allTextContents();
        expect(heads).toEqual([
          ...['Loss', 'Accuracy', 'Gradient norm', 'Learning rate', 'Sequences per second'],
        ]);
        const [first, second] = [await drawn(page, 0), await drawn(page, 1)];
        expect(first).toHaveLength(5);
        expect(second).toHaveLength(5);
        // The learning rate of both is the same: the second hides the first.
        for (const [i, count] of first.entries()) if (i !== 3) expect(count).toBeGreaterThan(100);
        for (const count of second) expect(count).toBeGreaterThan(100);
        const surface = await page
          .locator('.chart')
          .first()
          .evaluate((chart) => getComputedStyle(chart).backgroundColor);
        const [red] = surface.match(/\d+/g)!.map(Number);
        expect(red > 128).toBe(colorScheme === 'light');
      },
      { colorScheme },
    );
  });

  it('goes dark and light by its own switch, and light for paper', async () => {
    await visit([bnLstm], async (page) => {
      const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const light = await background();
      const before = await picture(page, 'loss');
      await page.selectOption('#theme', 'dark');
      expect(await background()).not.toBe(light);
      expect(await picture(page, 'loss')).not.toBe(before);
      await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
      expect(await background()).toBe(light);
      await page.evaluate(() => dispatchEvent(new Event('afterprint')));
      expect(await background()).not.toBe(light);
      await page.selectOption('#theme', 'light');
      expect(await picture(page, 'loss')).toBe(before);
    });
  });

  it('smooths by the slider, in two ways', async () => {
    await visit([bnLstm], async (page) => {
      const first = await picture(page, 'loss');
      const rate = await picture(page, 'learningRate');
      await page.locator('#span').focus();
      await page.keyboard.press('End');
      expect(await page.locator('#span-text').textContent()).toBe('500 steps');
      const exponential = await picture(page, 'loss');
      await page.selectOption('#method', 'running');
      const running = await picture(page, 'loss');
      await set(page, '#span', '0');
      expect(await page.locator('#span-text').textContent()).toBe('off');
      const raw = await picture(page, 'loss');
      expect(new Set([first, exponential, running, raw]).size).toBe(4);
      expect(await picture(page, 'learningRate')).toBe(rate);
    });
  });

  it('hides and shows runs', async () => {
    await visit([bnLstm, lstm], async (page) => {
      const box = page.getByRole('checkbox', { name: 'lstm', exact: true });
      const before = await picture(page, 'loss');
      await box.uncheck();
      expect(await drawn(page, 1)).toEqual([0, 0, 0, 0, 0]);
      for (const count of await drawn(page, 0)) expect(count).toBeGreaterThan(100);
      await page.getByRole('checkbox', { name: 'bn-lstm' }).uncheck();
      expect(await drawn(page, 0)).toEqual([0, 0, 0, 0, 0]);
      await page.getByRole('checkbox', { name: 'bn-lstm' }).check();
      await box.check();
      expect(await picture(page, 'loss')).toBe(before);
    });
  });

  it('draws along steps, epochs or time, and on a logarithmic scale', async () => {
    await visit([bnLstm], async (page) => {
      const readout = page.locator('[data-curve=loss] .readout');
      const pictures = [];
      for (const [axis, text] of [
        ['steps', /^step [\d,]+ /],
        ['epochs', /^epoch \d\.\d\d /],
        ['time', /^\d+ min \d\d s /],
      ] as const) {
        await page.getByRole('radio', { name: axis }).check();
        pictures.push(await picture(page, 'loss'));
        await page.locator('[data-curve=loss] .plot').hover({ position: { x: 600, y: 100 } });
        expect(await readout.textContent()).toMatch(text);
        await page.locator('h1').hover();
      }
      await page.locator('[data-curve=loss] .log').check();
      pictures.push(await picture(page, 'loss'));
      expect(new Set(pictures).size).toBe(4);
    });
  });

  it('does not offer epochs before the second one', async () => {
    await visit([learningRun({ steps: 400 })], async (page) => {
      expect(await page.locator('[value=epoch]').isDisabled()).toBe(true);
    });
  });

  it('shows the values at the cursor in all charts, also by keyboard', async () => {
    await visit([bnLstm, lstm], async (page) => {
      const heads = page.locator('.readout > :first-child');
      expect(new Set(await heads.allTextContents())).toEqual(new Set(['last']));
      await page.locator('[data-curve=accuracy] .plot').focus();
      await page.keyboard.press('Home');
      expect(new Set(await heads.allTextContents())).toEqual(new Set(['step 1']));
      const loss = bnLstm.records.find(({ type }) => type === 'step');
      const readout = page.locator('[data-curve=loss] .readout');
      expect(loss?.type === 'step' && (await readout.textContent())).toContain(
        `bn-lstm ${loss?.type === 'step' && loss.loss.toPrecision(4)}`,
      );
      await page.keyboard.press('Shift+ArrowRight');
      expect(await heads.first().textContent()).toMatch(/^step (39\d|40\d)$/);
      expect(await page.locator('#spoken').textContent()).toMatch(/^step (39\d|40\d)/);
      await page.keyboard.press('Escape');
      expect(await heads.first().textContent()).toBe('last');
    });
  });

  it('zooms all charts by a drag, and back', async () => {
    await visit([bnLstm], async (page) => {
      const whole = await picture(page, 'gradientNorm');
      const box = (await page.locator('[data-curve=loss] .u-over').boundingBox())!;
      await page.mouse.move(box.x + 100, box.y + 50);
      await page.mouse.down();
      await page.mouse.move(box.x + 300, box.y + 60, { steps: 4 });
      await page.mouse.up();
      expect(await picture(page, 'gradientNorm')).not.toBe(whole);
      await page.getByRole('button', { name: 'Whole range' }).click();
      await page.locator('h1').hover();
      expect(await picture(page, 'gradientNorm')).toBe(whole);
      expect(await page.getByRole('button', { name: 'Whole range' }).isDisabled()).toBe(true);
    });
  });

  it('has its tables and headings', async () => {
    await visit([bnLstm, lstm], async (page) => {
      const headings = await page.locator('h2').allTextContents();
      expect(headings).toEqual([
        'Summary',
        'Curves',
        'Results',
        'Configuration',
        'Machine',
        'Model',
      ]);
      const table = (name: string) => page.getByRole('table', { name });
      const row = (name: string, of: string) =>
        table(of)
          .getByRole('row')
          .filter({ has: page.getByRole('rowheader', { name }) });
      expect(await table('Results').getByRole('columnheader').allTextContents()).toEqual([
        ...['bn-lstm', 'lstm'],
      ]);
      expect(await row('Steps', 'Results').getByRole('cell').allTextContents()).toEqual([
        '4,000',
        '4,000',
      ]);
      expect(await row('clipNorm', 'Configuration').textContent()).toBe('clipNorm ≠ differs15');
      expect(await row('cores', 'Machine').getByRole('cell').allTextContents()).toEqual(['2', '2']);
      expect(await page.locator('pre').textContent()).toContain('0 bnLstm: 41900 parameters');
    });
  });

  it('shows a hostile run as text', async () => {
    await visit([hostileRun, bnLstm], async (page) => {
      expect(await page.evaluate(() => 'hit' in globalThis)).toBe(false);
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.locator('.card h3').first().textContent()).toBe(hostile);
      expect(await page.locator('.readout').first().textContent()).toContain(hostile);
      await page.locator('.plot').first().hover();
      expect(await page.evaluate(() => 'hit' in globalThis)).toBe(false);
    });
  });

  it('lets no script run that might have got in', async () => {
    const context = await newContext();
    const page = await context.newPage();
    await writeReport(join(folder, 'report.html'), [bnLstm]);
    await page.goto(pathToFileURL(join(folder, 'report.html')).href);
    await page.evaluate(() => {
      document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="globalThis.hit=1">');
      const script = document.createElement('script');
      script.textContent = 'globalThis.hit = 1';
      document.body.append(script);
    });
    await page.waitForTimeout(100);
    expect(await page.evaluate(() => 'hit' in globalThis)).toBe(false);
    await context.close();
  });

  it('fits a phone', async () => {
    await visit(
      [
        { ...bnLstm, name: 'a-run-with-a-very-long-name-without-any-place-to-break-it' },
        lstm,
        hostileRun,
      ],
      async (page) => {
        const widths = await page.evaluate(() => [
          document.documentElement.scrollWidth,
          document.body.scrollWidth,
        ]);
        expect(Math.max(...widths)).toBeLessThanOrEqual(360);
        for (const count of await drawn(page, 1)) expect(count).toBeGreaterThan(100);
        const plot = await page.locator('.u-over').first().boundingBox();
        expect(plot!.width).toBeGreaterThan(220);
      },
      { viewport: { width: 360, height: 740 } },
    );
  });

  it('marks values that are missing, and survives a run of nothing else', async () => {
    const nan = Number.NaN;
    const records = [1, 2, 3, 4, 5, 6].map((i) => step(i, i === 3 || i === 4 ? { loss: nan } : {}));
    const lost = [1, 2, 3].map((i) => step(i, { loss: nan, gradientNorm: nan }));
    await visit([{ name: 'gaps', records }], async (page) => {
      const red = await drawn(page, 4); // the colour of the fifth run is that of the marks
      expect(red[0]).toBeGreaterThan(20);
      expect(red.slice(1)).toEqual([0, 0, 0, 0]);
      expect(await page.getByRole('table', { name: 'Results' }).textContent()).toMatch(
        /Values not finite \(gaps in curves\)2/,
      );
    });
    await visit([{ name: 'lost', records: lost }], async (page) => {
      expect(await page.locator('.chart').count()).toBe(5);
      expect(await page.getByRole('table', { name: 'Results' }).textContent()).toContain('6');
    });
  });

  it('opens a million steps', async () => {
    const long = learningRun({
      ...{ name: 'long', steps: 1_000_000, stepsPerEpoch: 20_000 },
      scale: 2e5,
    });
    await visit([long], async (page) => {
      for (const count of await drawn(page, 0)) expect(count).toBeGreaterThan(100);
    });
  });
});
