// Types of format.js for the part that makes the page.
export function significant(value: unknown): string;
export function integer(value: unknown): string;
export function percent(value: unknown): string;
export function duration(seconds: unknown): string;
