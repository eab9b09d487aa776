/** Counters and histograms for the provider's monitoring (RACI-60, RACI-64). */
import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';
import type { AuditEntry } from '#libs/contract-runtime/bind.ts';

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter<'plane' | 'operation' | 'status'>;
  readonly #durations: Histogram<'plane' | 'operation'>;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#requests = new Counter({
      name: 'bastide_http_requests_total',
      help: 'Requests answered, by plane, operation and status.',
      labelNames: ['plane', 'operation', 'status'],
      registers: [this.#registry],
    });
    this.#durations = new Histogram({
      name: 'bastide_http_request_seconds',
      help: 'Time from request to answer, by plane and operation.',
      labelNames: ['plane', 'operation'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers: [this.#registry],
    });
  }

  request(plane: string, entry: AuditEntry): void {
    this.#requests.inc({ plane, operation: entry.operationId, status: String(entry.status) });
    this.#durations.observe({ plane, operation: entry.operationId }, entry.durationMs / 1000);
  }

  /** The Prometheus text format. */
  async text(): Promise<string> {
    return this.#registry.metrics();
  }
}
