// npm run schema: writes schema/train.schema.json from lib/cli/train/schema.ts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './tools.mjs';
import './typescript.mjs';

const { trainJsonSchema } = await import('../lib/cli/train/json_schema.js');
const text = `${JSON.stringify(trainJsonSchema(), null, 2)}\n`;
writeFileSync(join(root, 'schema/train.schema.json'), text);
