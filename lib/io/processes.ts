import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process that owns a file, as it is written down so that others can ask whether it lives. */
export interface Owner {
  readonly pid: number;
  /** Process numbers mean something on one machine, or in one container, only. */
  readonly host: string;
  /**
   * Tells apart processes that had the same number one after the other, as happens in containers
   * that are started again. Linux only; elsewhere empty.
   */
  readonly life: string;
}

/** Boot of the machine, and clock ticks from then to the start of the process. */
function lifeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field, the name in brackets, may itself have blanks and brackets (proc(5)).
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${started}`;
  } catch {
    return '';
  }
}

export function thisProcess(): Owner {
  return { pid: process.pid, host: hostname(), life: lifeOf(process.pid) };
}

/** Whether a process of this machine has that number. */
export function pidIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'; // EPERM: another user's
  }
}

/** Whether the owner may still run. Of another machine's nobody can tell: they may. */
export function mayBeAlive({ pid, host, life }: Owner): boolean {
  if (host !== hostname()) return true;
  if (!pidIsAlive(pid)) return false;
  const now = lifeOf(pid);
  return life === '' || now === '' || life === now;
}
