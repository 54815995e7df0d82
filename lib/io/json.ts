/**
 * The first key that an object of a JSON text has twice. JSON.parse keeps the last value silently,
 * other readers the first: a file that has both means different things to different programs.
 *
 * @param json a text that JSON.parse takes
 */
export function findDuplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // keys of each open object; undefined for an array
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const start = i;
      for (i++; json[i] !== '"'; i++) if (json[i] === '\\') i++;
      const isKey = nextCharacter(json, i + 1) === ':';
      const keys = open.at(-1);
      if (!isKey || keys === undefined) continue;
      const key = JSON.parse(json.slice(start, i + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

function nextCharacter(text: string, from: number): string | undefined {
  let at = from;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++;
  return text[at];
}
