import type { Reporter } from './figures.ts';
export async function measureQemu(_o: {rounds:number}, _say: Reporter): Promise<void> { }
