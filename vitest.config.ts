import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // One process per file: a native abort fails that file, not the run.
    pool: 'forks',
    maxWorkers: '100%', // or one core of two is idle
    // Sanitizer builds on small machines are some thirty times slower.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
  },
});
