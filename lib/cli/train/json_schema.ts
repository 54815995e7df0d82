import { z } from 'zod';
import { runSchema } from './schema.js';

/** The schema of configuration files as schema/train.schema.json has it, for editors. */
export function trainJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(runSchema, { io: 'input' });
  return { ...schema, title: 'A training run of bnlstm', description: 'See docs/command-line.md' };
}
