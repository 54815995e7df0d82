import type { Network } from '../nn/network.js';
import { showSpec } from '../nn/spec.js';

/** Layers, parameters and their shapes, to be read by people. */
export function summary({
  stream,
  dtype,
  input,
  layers,
  blueprint,
  population,
  normalised,
}: Network): string {
  const lines = [`model on ${stream.device}, ${dtype}: ${showSpec(input)}`];
  let total = 0;
  for (const [index, layer] of layers.entries()) {
    const own = blueprint.parameters.filter(({ name }) => name.startsWith(`${index}.`));
    const count = own.reduce((sum, segment) => sum + segment.count, 0);
    total += count;
    lines.push(`  ${index} ${layer.kind}${count > 0 ? `: ${count} parameters` : ''}`);
    for (const { name, visibleShape, trainable } of own) {
      lines.push(`      ${name} [${visibleShape.join(', ')}]${trainable ? '' : ' (fixed)'}`);
    }
  }
  lines.push(`  ${total} parameters`);
  if (normalised) lines.push(`  population statistics: ${population.status}`);
  return lines.join('\n');
}
